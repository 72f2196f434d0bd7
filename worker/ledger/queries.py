"""Reading the ledger: which jobs there are, and what happened to them. Nothing here writes.

What needs somebody's attention is narrowed down by an index and chosen by the domain: it depends
on the schedule and on the provider.

Each page is a read of its own: whoever pages through a million jobs, or into a pager that
nobody scrolls, holds no transaction open meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, text

from worker.domain.jobs import Job
from worker.domain.remedies import to_do
from worker.domain.retries import Schedule, is_due
from worker.ledger import portraits, rows, standings
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait
from worker.ledger.retries import superseded
from worker.ledger.schema import FOR_SOMEBODY, aliases, attempts, jobs, transitions
from worker.ledger.turns import RESERVED

PAGE = 200  # jobs that are read at once
CANDIDATES = 5  # jobs that an ambiguous prefix is answered with

ATTEMPTS = select(attempts).where(
    attempts.c.job_id.in_(bindparam("ids", expanding=True)), attempts.c.number != RESERVED
)
TRANSITIONS = select(transitions).where(transitions.c.job_id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs; what is empty does not matter. `before` is the id of a job: only older ones."""

    states: Sequence[str] = ()
    seller: str | None = None
    task: str | None = None
    order_id: str | None = None
    before: str | None = None
    needs_attention: bool = False  # of a person or the buyer; each with its `to_do`
    schedule: Schedule | None = None  # what it will retry needs nobody's attention


def find(ledger: Ledger, filters: Filters, limit: int) -> Iterator[Portrait]:
    """The newest jobs that fit, newest first, without the buyer's details."""
    statement = _filtered(filters).order_by(jobs.c.seq.desc())
    older_than: int | None = None
    while limit > 0:
        page = statement if older_than is None else statement.where(jobs.c.seq < older_than)
        with ledger.database.read() as connection:
            found = connection.execute(page.limit(_page(filters, limit))).all()
            wanted = _wanted(ledger, connection, filters, found)[:limit]
            told = _portraits(ledger, connection, wanted, details=False)
        yield from map(_with_to_do, told) if filters.needs_attention else told
        if len(found) < PAGE:
            return
        older_than = found[-1].seq
        limit -= len(wanted)


def of_ids(ledger: Ledger, ids: Iterable[str], *, details: bool = False) -> list[Portrait]:
    """The jobs of these ids, in their order; ids that are unknown are left out."""
    wanted = list(ids)
    found: dict[str, Portrait] = {}
    for start in range(0, len(wanted), PAGE):
        with ledger.database.read() as connection:
            page = select(jobs).where(jobs.c.id.in_(wanted[start : start + PAGE]))
            read = connection.execute(page).all()
            for portrait in _portraits(ledger, connection, read, details=details):
                found[portrait["id"]] = portrait
    return [found[job_id] for job_id in wanted if job_id in found]


def id_of(ledger: Ledger, name: str) -> str | None:
    """The id of the job that has this id, or that the id stands for."""
    by_id = select(jobs.c.id).where(jobs.c.id == name)
    by_alias = select(aliases.c.job_id).where(aliases.c.id == name)
    with ledger.database.read() as connection:
        found = connection.execute(by_id).scalar() or connection.execute(by_alias).scalar()
        return None if found is None else str(found)


def of_order(ledger: Ledger, order_id: str) -> list[str]:
    """The ids of all jobs of an order, whichever sellers', the oldest first."""
    statement = select(jobs.c.id).where(_of_order(order_id)).order_by(jobs.c.seq)
    with ledger.database.read() as connection:
        return list(connection.execute(statement).scalars().all())


def beginning_with(ledger: Ledger, prefix: str) -> list[str]:
    """The ids of the newest jobs whose id begins so; a handful at most."""
    statement = (
        select(jobs.c.id)
        .where(jobs.c.id.startswith(prefix, autoescape=True))
        .order_by(jobs.c.seq.desc())
        .limit(CANDIDATES)
    )
    with ledger.database.read() as connection:
        return list(connection.execute(statement).scalars().all())


def _page(filters: Filters, limit: int) -> int:
    return PAGE if filters.needs_attention else min(limit, PAGE)


def _wanted(
    ledger: Ledger, connection: Connection, filters: Filters, found: Sequence[Row[Any]]
) -> Sequence[Row[Any]]:
    """Without what the schedule will retry, where somebody's attention is asked for."""
    schedule = filters.schedule
    if not filters.needs_attention or schedule is None:
        return found
    now = ledger.database.now(connection)

    def is_retried(job: Job) -> bool:
        lifetime = ledger.routes.lifetime(job.request)
        return is_due(job, schedule, now, lifetime)

    return [row for row in found if not is_retried(rows.job(row))]


def _with_to_do(portrait: Portrait) -> Portrait:
    return portrait | {"to_do": to_do(portrait["error"], portrait["waiting_for"])}


def _filtered(filters: Filters) -> Select[Any]:
    statement = select(jobs)
    if filters.states:
        statement = statement.where(jobs.c.state.in_(filters.states))
    if filters.seller is not None:
        statement = statement.where(jobs.c.seller == filters.seller)
    if filters.task is not None:
        statement = statement.where(jobs.c.task == filters.task)
    if filters.order_id is not None:
        statement = statement.where(_of_order(filters.order_id))
    if filters.needs_attention:
        statement = statement.where(text(FOR_SOMEBODY), ~superseded())
    if filters.before is not None:
        cursor = select(jobs.c.seq).where(jobs.c.id == filters.before).scalar_subquery()
        statement = statement.where(jobs.c.seq < cursor)
    return statement


def _of_order(order_id: str) -> Any:
    """The condition for an order of whatever seller, served by the index of seller and order.

    The sellers come from that index too, one step each, configured or not.
    """
    first = select(func.min(jobs.c.seller).label("seller")).cte("sellers", recursive=True)
    following = (
        select(func.min(jobs.c.seller)).where(jobs.c.seller > first.c.seller).scalar_subquery()
    )
    sellers = first.union_all(select(following).where(first.c.seller.is_not(None)))
    return jobs.c.seller.in_(select(sellers.c.seller)) & (jobs.c.order_id == order_id)


def _portraits(
    ledger: Ledger, connection: Connection, found: Sequence[Row[Any]], *, details: bool
) -> list[Portrait]:
    if not found:
        return []
    ids = {"ids": [row.id for row in found]}
    sent: dict[str, list[Row[Any]]] = defaultdict(list)
    for attempt in connection.execute(ATTEMPTS.order_by(attempts.c.number), ids):
        sent[attempt.job_id].append(attempt)
    went: dict[str, list[Row[Any]]] = defaultdict(list)
    for transition in connection.execute(TRANSITIONS.order_by(transitions.c.id), ids):
        went[transition.job_id].append(transition)
    now = ledger.database.now(connection)
    keys = {row.bucket for row in found if row.bucket is not None}
    buckets = standings.of_keys(connection, keys, now)
    return [
        portraits.of_job(
            row,
            waiting_for=standings.waiting_for(rows.job(row), row.ready, buckets.get(row.bucket)),
            attempts=sent[row.id],
            transitions=went[row.id],
            details=details,
        )
        for row in found
    ]

"""Reading the ledger: which jobs there are, and what happened to them. Nothing here writes.

What needs somebody's attention is narrowed down by an index and chosen by the domain: it depends
on the schedule and on the provider.

Each page is a read of its own: whoever pages through a million jobs, or into a pager that
nobody scrolls, holds no transaction open meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from worker.domain.expectation import NOTHING, Expectation, Queue, expected
from worker.domain.jobs import Job, WaitingFor
from worker.domain.remedies import to_do
from worker.domain.retries import is_due
from worker.ledger import expectations, portraits, rows, standings
from worker.ledger.filters import Filters, filtered
from worker.ledger.filters import of_order as belongs_to_order
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait
from worker.ledger.schema import BY_NO_JOB, aliases, attempts, jobs, transitions
from worker.ledger.standings import Standing
from worker.ledger.turns import RESERVED

PAGE = 200  # jobs that are read at once
CANDIDATES = 5  # jobs that an ambiguous prefix is answered with

ATTEMPTS = select(attempts).where(
    attempts.c.job_id.in_(bindparam("ids", expanding=True)), attempts.c.number != RESERVED
)
TRANSITIONS = select(transitions).where(transitions.c.job_id.in_(bindparam("ids", expanding=True)))


def find(ledger: Ledger, filters: Filters, limit: int) -> Iterator[Portrait]:
    """The newest jobs that fit, newest first, without the buyer's details."""
    older_than: int | None = None
    while limit > 0:
        with ledger.database.read() as connection:
            page = filtered(ledger, connection, filters).order_by(jobs.c.seq.desc())
            page = page if older_than is None else page.where(jobs.c.seq < older_than)
            found = connection.execute(page.limit(_page(filters, limit))).all()
            wanted = _wanted(ledger, connection, filters, found)[:limit]
            told = _portraits(ledger, connection, wanted, details=False)
        yield from map(_with_to_do, told) if filters.needs_attention else told
        if len(found) < PAGE:
            return
        older_than = found[-1].seq
        limit -= len(wanted)


def fitting(ledger: Ledger, filters: Filters, limit: int | None = None) -> list[str]:
    """The ids of the jobs that fit, the oldest first: those that have waited longest."""
    with ledger.database.read() as connection:
        statement = filtered(ledger, connection, filters).with_only_columns(jobs.c.id)
        found = connection.execute(statement.order_by(jobs.c.seq).limit(limit))
        return [str(job_id) for job_id in found.scalars()]


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


def orders_of(ledger: Ledger, ids: Sequence[str]) -> dict[str, str]:
    """The order of each job; ids that are unknown are left out."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), PAGE):
        page = select(jobs.c.id, jobs.c.order_id).where(jobs.c.id.in_(ids[start : start + PAGE]))
        with ledger.database.read() as connection:
            found |= {row.id: row.order_id for row in connection.execute(page)}
    return found


def id_of(ledger: Ledger, name: str) -> str | None:
    """The id of the job that has this id, or that the id stands for."""
    by_id = select(jobs.c.id).where(jobs.c.id == name)
    by_alias = select(aliases.c.job_id).where(aliases.c.id == name)
    with ledger.database.read() as connection:
        found = connection.execute(by_id).scalar() or connection.execute(by_alias).scalar()
        return None if found is None else str(found)


def of_order(ledger: Ledger, order_id: str) -> list[str]:
    """The ids of all jobs of an order, whichever sellers', the oldest first."""
    statement = select(jobs.c.id).where(belongs_to_order(order_id)).order_by(jobs.c.seq)
    with ledger.database.read() as connection:
        return list(connection.execute(statement).scalars().all())


def done_to(ledger: Ledger, order_id: str) -> list[Portrait]:
    """What was done to an order by no job of it: kept, released; the oldest first."""
    by_nobody = select(transitions).where(text(BY_NO_JOB), transitions.c.order_id == order_id)
    statement = by_nobody.order_by(transitions.c.id)
    with ledger.database.read() as connection:
        return [
            {"seller": row.seller, "order_id": row.order_id, **portraits.transition(row)}
            for row in connection.execute(statement)
        ]


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
    """Without what a newer job has superseded, and what the schedule will retry, where somebody's
    attention is asked for.
    """
    if not filters.needs_attention:
        return found
    found = [row for row in found if not row.superseded]
    schedule = filters.schedule
    if schedule is None:
        return found
    now = ledger.database.now(connection)

    def is_retried(job: Job) -> bool:
        lifetime = ledger.routes.lifetime(job.request)
        return is_due(job, schedule, now, lifetime)

    return [row for row in found if not is_retried(rows.job(row))]


def _with_to_do(portrait: Portrait) -> Portrait:
    return portrait | {"to_do": to_do(portrait["error"], portrait["waiting_for"])}


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
    before = expectations.queues(connection, found, buckets, ledger.policy.reserve)
    awaited = {row.id: _waiting_for(row, buckets.get(row.bucket)) for row in found}
    return [
        portraits.of_job(
            row,
            waiting_for=awaited[row.id],
            expected=_expected(row, awaited[row.id], before.get(row.id)),
            attempts=sent[row.id],
            transitions=went[row.id],
            details=details,
        )
        for row in found
    ]


def _expected(row: Row[Any], waiting_for: WaitingFor | None, queue: Queue | None) -> Expectation:
    """Nothing of what cannot be read, either."""
    try:
        return expected(rows.job(row), waiting_for, queue)
    except ValueError:
        return NOTHING


def _waiting_for(row: Row[Any], standing: Standing | None) -> WaitingFor | None:
    """None, too, of what cannot be read: it is shown as it stands."""
    try:
        return standings.waiting_for(rows.job(row), row.ready, standing)
    except ValueError:
        return None

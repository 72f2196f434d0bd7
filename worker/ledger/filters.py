"""Which jobs somebody wants to see or to act on, as conditions that indexes serve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, text, true

from worker.domain.jobs import Effect, State, WaitingFor
from worker.domain.retries import Schedule
from worker.ledger import standings
from worker.ledger.ledger import Ledger
from worker.ledger.retries import superseded
from worker.ledger.schema import FOR_SOMEBODY, PREFIX, READY, by, jobs

RARE = 2_000  # jobs of a seller, up to which they are sorted rather than met from the newest on
OUT_OF_LINE = 600.0  # seconds by which times of acceptance may differ from the order of acceptance
# SQLite finds each end in its index, but reads every row for both of them at once.
ENDS = select(
    select(func.min(jobs.c.seq)).scalar_subquery(), select(func.max(jobs.c.seq)).scalar_subquery()
)
BY_BUCKET = frozenset(
    {
        WaitingFor.TURN,
        WaitingFor.QUOTA,
        WaitingFor.THROTTLE,
        WaitingFor.BACKOFF,
        WaitingFor.CREDENTIALS,
    }
)  # what a ready job may wait for


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs; what is empty does not matter. `before` is the id of a job: only older ones.

    `since` and `until` are seconds before now: accepted no longer ago, accepted longer ago.
    """

    states: Sequence[str] = ()
    seller: str | None = None
    task: str | None = None
    order_id: str | None = None
    before: str | None = None
    needs_attention: bool = False  # of a person or the buyer; each with its `to_do`
    schedule: Schedule | None = None  # what it will retry needs nobody's attention
    waiting_for: Sequence[str] = ()
    since: float | None = None
    until: float | None = None
    withdrawable: bool = False  # waits, and has had no effect


def filtered(ledger: Ledger, connection: Connection, filters: Filters) -> Select[Any]:
    """The rows of `jobs` that fit at this moment. Those that need attention are told with whether
    they are `superseded`: as a condition PostgreSQL would look it up of all that there are.
    """
    told = (jobs, superseded().label("superseded")) if filters.needs_attention else (jobs,)
    statement = select(*told).where(*_at_any_time(filters))
    now = ledger.database.now(connection)
    if filters.waiting_for:
        statement = statement.where(_waiting_for(connection, filters.waiting_for, now))
    if filters.since is not None:
        statement = statement.where(*_accepted_since(connection, now - filters.since))
    if filters.until is not None:
        statement = statement.where(*_accepted_until(connection, now - filters.until))
    if ledger.database.is_sqlite and (index := _index(connection, filters)):
        statement = statement.with_hint(jobs, index, "sqlite")
    return statement


def _index(connection: Connection, filters: Filters) -> str | None:
    """How SQLite, which has no statistics, finds the newest jobs without sorting all that fit."""
    if filters.order_id is not None or filters.needs_attention:
        return None
    if filters.seller is not None and _is_rare(connection, filters.seller):
        return f"INDEXED BY {PREFIX}jobs_order"
    if len(filters.states) == 1 or _only_waiting(filters):
        return f"INDEXED BY {PREFIX}jobs_state"
    return None if filters.seller is None else "NOT INDEXED"  # from the newest on


def _is_rare(connection: Connection, seller: str) -> bool:
    some = select(jobs.c.seq).where(jobs.c.seller == seller).with_hint(*by("jobs_order"))
    count = select(func.count()).select_from(some.limit(RARE + 1).subquery())
    return int(connection.execute(count).scalar_one()) <= RARE


def _only_waiting(filters: Filters) -> bool:
    return bool(filters.waiting_for) and WaitingFor.LOOKUP not in filters.waiting_for


def _at_any_time(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.states:
        yield jobs.c.state.in_(filters.states)
    if _only_waiting(filters):
        yield jobs.c.state == State.WAITING
    if filters.seller is not None:
        yield jobs.c.seller == filters.seller
    if filters.task is not None:
        yield jobs.c.task == filters.task
    if filters.order_id is not None:
        yield of_order(filters.order_id)
    if filters.needs_attention:
        yield and_(text(FOR_SOMEBODY))
    if filters.withdrawable:
        yield and_(jobs.c.state == State.WAITING, jobs.c.effect == Effect.NONE)
    if filters.before is not None:
        cursor = select(jobs.c.seq).where(jobs.c.id == filters.before).scalar_subquery()
        yield jobs.c.seq < cursor


def of_order(order_id: str) -> ColumnElement[bool]:
    """The condition for an order of whatever seller, served by the index of seller and order.

    The sellers come from that index too, one step each, configured or not.
    """
    first = select(func.min(jobs.c.seller).label("seller")).cte("sellers", recursive=True)
    following = (
        select(func.min(jobs.c.seller)).where(jobs.c.seller > first.c.seller).scalar_subquery()
    )
    sellers = first.union_all(select(following).where(first.c.seller.is_not(None)))
    return jobs.c.seller.in_(select(sellers.c.seller)) & (jobs.c.order_id == order_id)


def _waiting_for(connection: Connection, wanted: Sequence[str], now: float) -> ColumnElement[bool]:
    """As `standings.waiting_for` has it: a ready job waits for what its bucket waits for."""
    ready, waits = text(READY), jobs.c.state == State.WAITING
    fits: list[ColumnElement[bool]] = [waits & ~jobs.c.ready & jobs.c.waiting_for.in_(wanted)]
    if WaitingFor.LOOKUP in wanted:
        fits.append(jobs.c.state == State.IN_DOUBT)
    if BY_BUCKET.intersection(wanted):
        every = standings.awaited(connection, now)
        keys = [key for key, awaited in every.items() if awaited in wanted]
        others = [key for key, awaited in every.items() if awaited not in wanted]
        # A bucket that has no row yet has all its tokens.
        of_none = jobs.c.bucket.is_(None) | jobs.c.bucket.not_in(others)
        of_these = of_none if WaitingFor.TURN in wanted else jobs.c.bucket.in_(keys)
        fits.append(waits & ready & of_these)
    return or_(*fits)


def _accepted_since(connection: Connection, begin: float) -> list[ColumnElement[bool]]:
    first = first_since(connection, begin)
    return [true()] if first is None else [jobs.c.seq >= first, jobs.c.accepted_at >= begin]


def _accepted_until(connection: Connection, end: float) -> list[ColumnElement[bool]]:
    beyond = first_since(connection, end + 2 * OUT_OF_LINE)
    return [true()] if beyond is None else [jobs.c.seq <= beyond, jobs.c.accepted_at < end]


def first_since(connection: Connection, begin: float) -> int | None:
    """The number before which no job was accepted at `begin` or later; None where there is none.

    Jobs are numbered as they are accepted, near enough to find the first by halving: what is
    older is never read, however much there is of it.
    """
    low, high = connection.execute(ENDS).one()
    if low is None:
        return None
    while low < high:
        middle = (low + high) // 2
        at_or_after = select(jobs.c.accepted_at).where(jobs.c.seq >= middle)
        accepted_at = connection.execute(at_or_after.order_by(jobs.c.seq).limit(1)).scalar_one()
        low, high = (middle + 1, high) if accepted_at < begin - OUT_OF_LINE else (low, middle)
    return int(low)

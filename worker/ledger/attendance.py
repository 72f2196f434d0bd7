"""Whether anybody works at all. No worker has a row; each leaves traces within a second.

It wakes what is due, takes ended leases away, and has a ready job claimed while there is a token
for it. What has stood for longer than `GRACE` has been seen by no worker: there is none, or none
that reaches the broker.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from worker.ledger import standings
from worker.ledger.ledger import Ledger
from worker.ledger.routing import IN_USE, SOON
from worker.ledger.schema import READY, RUNNING, UNROUTED, attempts, by, jobs

GRACE = 5.0  # seconds; a dispatcher looks at everything once a second

NEWEST = select(func.max(attempts.c.id)).scalar_subquery()
LAST_CLAIM = select(attempts.c.claimed_at).where(attempts.c.id == NEWEST)
FIRST_LEASE, LAST_LEASE = (
    select(end(jobs.c.lease_until)).with_hint(*by("jobs_lease")).where(text(RUNNING))
    for end in (func.min, func.max)
)
NOT_ROUTED = (
    select(jobs.c.seq)
    .with_hint(*by("jobs_unrouted"))
    .where(text(UNROUTED), jobs.c.due_at <= bindparam("late"))
    .where(jobs.c.seller.in_(bindparam("sellers", expanding=True)))
    .order_by(jobs.c.seq)
    .limit(1)
)
IN_TURN = select(IN_USE.c.key).where(IN_USE.c.key.is_not(None))
NEXT = (
    select(jobs.c.accepted_at, jobs.c.due_at, jobs.c.publish_at)
    .where(jobs.c.bucket == bindparam("key"), text(READY))
    .order_by(jobs.c.rank, jobs.c.priority, jobs.c.seq)
    .limit(1)
)


def nobody_works(ledger: Ledger, sellers: Collection[str]) -> bool:
    """Whether jobs wait that any worker would have taken by now. `sellers` are the configured ones:
    a job of another waits for a worker that knows it.
    """
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        late = now - GRACE
        last_claim = connection.execute(LAST_CLAIM).scalar()
        ends_last = connection.execute(LAST_LEASE).scalar()
        if (last_claim or 0.0) > late or (ends_last or 0.0) > now:
            return False
        of_any = {"late": late, "sellers": sorted(sellers)}
        return (
            _is_past(connection, FIRST_LEASE, late)
            or _is_past(connection, SOON, late)
            or connection.execute(NOT_ROUTED, of_any).first() is not None
            or _leaves_tokens(connection, late)
        )


def _is_past(connection: Connection, asked: Select[Any], late: float) -> bool:
    at = connection.execute(asked).scalar()
    return at is not None and at <= late


def _leaves_tokens(connection: Connection, late: float) -> bool:
    """Whether a job has been ready since `late` beside a token that it may take."""
    keys = connection.execute(IN_TURN).scalars().all()
    stand = [key for key in keys if max(connection.execute(NEXT, {"key": key}).one()) <= late]
    at_that_time = standings.of_keys(connection, stand, late)
    return any(key not in at_that_time or at_that_time[key].tokens for key in stand)

"""How the buckets stand now: their tokens, what they are closed for, who waits for them.

From it follows why a ready job waits: its own row only says that nothing but its turn is in
its way.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, true

from worker.domain import bucket as arithmetic
from worker.domain import learning
from worker.domain.bucket import Bucket
from worker.domain.jobs import Job, State, WaitingFor
from worker.ledger import rows
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait, time
from worker.ledger.routing import IN_USE
from worker.ledger.schema import IN_FLIGHT, READY, attempts, buckets, jobs

MOST_READY = 1000  # waiting jobs are counted no further

CALLS_IN_FLIGHT = (
    select(func.count())
    .where(attempts.c.bucket == buckets.c.key, text(f"{attempts.name}.{IN_FLIGHT}"))
    .correlate(buckets)
    .scalar_subquery()
    .label("in_flight")
)
EVERY = select(buckets, CALLS_IN_FLIGHT).order_by(buckets.c.seller, buckets.c.operation)
READY_IN_EACH = select(
    IN_USE.c.key,
    select(func.count())
    .select_from(
        select(true())
        .where(jobs.c.bucket == IN_USE.c.key, text(READY))
        .limit(MOST_READY)
        .correlate(IN_USE)
        .subquery()
    )
    .correlate(IN_USE)
    .scalar_subquery(),
).where(IN_USE.c.key.is_not(None))


@dataclass(frozen=True, slots=True)
class Standing:
    """A bucket refilled to `now`."""

    bucket: Bucket
    in_flight: int
    now: float

    @property
    def closed_for(self) -> WaitingFor | None:
        """Why nobody may take a token, however many there are."""
        bucket = self.bucket
        probing = bucket.closed_for in arithmetic.PROBED and self.in_flight > 0
        if self.now < bucket.open_at or probing:
            return bucket.closed_for or WaitingFor.THROTTLE
        return None

    @property
    def tokens(self) -> int:
        return arithmetic.tokens(self.bucket, self.now, self.in_flight)


def of_keys(connection: Connection, keys: Collection[str], now: float) -> dict[str, Standing]:
    """The standings of these buckets; those without a row are full, and left out."""
    if not keys:
        return {}
    found = connection.execute(EVERY.where(buckets.c.key.in_(keys)))
    return {row.key: _standing(row, now) for row in found}


def every(connection: Connection, now: float) -> list[Standing]:
    """The buckets that have a row."""
    return [_standing(row, now) for row in connection.execute(EVERY)]


def awaited(connection: Connection, now: float) -> dict[str, WaitingFor]:
    """What a ready job of each bucket waits for; of one without a row, its turn."""
    return {each.bucket.key: _awaited(each) for each in every(connection, now)}


def waiting_for(job: Job, ready: bool, standing: Standing | None) -> WaitingFor | None:
    """Why a job does not run at this moment; None if it does, or has ended."""
    if job.state is State.IN_DOUBT:
        return WaitingFor.LOOKUP
    if job.state is not State.WAITING:
        return None
    if not ready:
        return job.waiting_for
    if standing is None:
        return WaitingFor.TURN
    return _awaited(standing)


def _awaited(standing: Standing) -> WaitingFor:
    return standing.closed_for or (WaitingFor.TURN if standing.tokens else WaitingFor.QUOTA)


def quotas(ledger: Ledger) -> list[Portrait]:
    """Every bucket, configured or used: its numbers, its level now, and who waits for it."""
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        found = {row.key: _standing(row, now) for row in connection.execute(EVERY)}
        for spec in ledger.routes.all():
            if spec.key not in found:
                found[spec.key] = Standing(arithmetic.full(spec, now), 0, now)
        ready: dict[str, int] = dict(connection.execute(READY_IN_EACH).all())
    return [_portrait(each, ready.get(each.bucket.key, 0)) for each in _sorted(found)]


def _sorted(found: dict[str, Standing]) -> Iterable[Standing]:
    def place(standing: Standing) -> tuple[str, str, str]:
        return standing.bucket.seller, standing.bucket.operation, standing.bucket.key

    return sorted(found.values(), key=place)


def _standing(row: Row[Any], now: float) -> Standing:
    values = row._asdict()
    in_flight = values.pop("in_flight")
    bucket = arithmetic.refilled(rows.bucket_of(values), now, in_flight)
    return Standing(bucket, in_flight, now)


def _portrait(standing: Standing, ready: int) -> Portrait:
    bucket = learning.recovered(standing.bucket)
    learned = bucket.slowed_to is not None
    closed_for = standing.closed_for
    return {
        "seller": bucket.seller,
        "operation": bucket.operation,
        "capacity": bucket.capacity,
        "restore_rate": bucket.rate,
        "learned_rate": round(bucket.pace, 6) if learned else None,
        "learned_at": time(bucket.learned_at) if learned else None,
        "learned_from": bucket.learned_from if learned else None,
        "source": bucket.source,
        "tokens": round(max(0.0, bucket.level), 3),
        "in_flight": standing.in_flight,
        "ready": ready,
        "closed_for": None if closed_for is None else str(closed_for),
        "open_at": time(bucket.open_at) if closed_for else None,
        "throttles": bucket.throttles,
        "throttled_at": time(bucket.throttled_at),
    }

"""The rows of the buckets: locked, refilled on the ledger's clock, written back.

`domain.bucket` has the arithmetic; here is where its numbers live, and how many calls are in
flight: the attempts of the bucket that have no end yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from worker.domain import bucket as arithmetic
from worker.domain import learning
from worker.domain.bucket import Bucket, BucketSpec
from worker.domain.jobs import WaitingFor
from worker.ledger import rows
from worker.ledger.database import NOW_OF_BUCKET, Database, Statements
from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import IN_FLIGHT, attempts, buckets

LOCK = select(buckets).where(buckets.c.key == bindparam("bucket")).with_for_update()
CALLS_IN_FLIGHT = select(func.count()).where(
    attempts.c.bucket == bindparam("bucket"), text(IN_FLIGHT)
)
CALLS_SINCE = select(func.count()).where(
    attempts.c.bucket == bindparam("bucket"),
    or_(attempts.c.claimed_at > bindparam("since"), text(IN_FLIGHT)),
)
CLOSED_FOR_CREDENTIALS = select(buckets.c.key).where(
    buckets.c.closed_for == WaitingFor.CREDENTIALS,
    buckets.c.key.in_(bindparam("keys", expanding=True)),
)
WRITE = update(buckets).where(buckets.c.key == bindparam("bucket"))


def calls_in_flight(connection: Statements, key: str) -> int:
    return int(connection.execute(CALLS_IN_FLIGHT, {"bucket": key}).scalar_one())


def lock(database: Database, connection: Connection, spec: BucketSpec) -> tuple[Bucket, float, int]:
    """The bucket, locked and refilled to now; the ledger's time under the lock; calls in flight.

    Follows the configuration's numbers, having settled the level at the old ones. A bucket
    without a row starts full, less its attempts of the time it takes to fill.
    """
    database.foresee(connection, *reads(spec.key))
    row = connection.execute(LOCK, {"bucket": spec.key}).one_or_none()
    in_flight = calls_in_flight(connection, spec.key)
    now = database.now(connection, NOW_OF_BUCKET)
    if row is None:
        _insert(database, connection, spec)
        row = connection.execute(LOCK, {"bucket": spec.key}).one()
        in_flight = calls_in_flight(connection, spec.key)
        now = database.now(connection, NOW_OF_BUCKET)
    found = rows.bucket(row)
    found = replace(found, level_at=database.today(found.level_at))
    bucket = arithmetic.refilled(found, now, in_flight)
    bucket = learning.recovered(arithmetic.following(bucket, spec))
    return bucket, max(now, bucket.level_at), in_flight


def reads(key: str | None) -> list[tuple[Executable, dict[str, Any]]]:
    """What `lock` reads, in its sequence: the time is of after the lock."""
    return [(LOCK, {"bucket": key}), (CALLS_IN_FLIGHT, {"bucket": key}), (NOW_OF_BUCKET, {})]


def lock_in_sequence(
    database: Database, connection: Connection, specs: Sequence[BucketSpec]
) -> None:
    """Lock several buckets by key, before any of them is written.

    Whoever took them in a sequence of its own could wait for a bucket of somebody who waits.
    """
    if len(specs) > 1:
        for spec in sorted(specs, key=lambda spec: spec.key):
            lock(database, connection, spec)


def write(connection: Connection, bucket: Bucket) -> None:
    connection.execute(WRITE, {"bucket": bucket.key, **rows.columns(bucket)})


def ensure(database: Database, connection: Connection, specs: Iterable[BucketSpec]) -> None:
    """Insert the rows of buckets that have none: the dispatcher looks at rows."""
    for spec in sorted(specs, key=lambda spec: spec.key):
        _insert(database, connection, spec)


def _insert(database: Database, connection: Connection, spec: BucketSpec) -> None:
    now = database.now(connection)
    since = now - spec.capacity / spec.rate
    spent = connection.execute(CALLS_SINCE, {"bucket": spec.key, "since": since}).scalar_one()
    new = arithmetic.full(spec, now, spent)
    statement = database.insert(buckets).on_conflict_do_nothing(index_elements=["key"])
    connection.execute(statement, rows.columns(new))


def close_seller(
    ledger: Ledger, connection: Connection, specs: Sequence[BucketSpec], now: float
) -> None:
    """Close every bucket that shares a seller's credentials."""
    for spec in sorted(specs, key=lambda spec: spec.key):
        bucket, _, _ = lock(ledger.database, connection, spec)
        seconds = ledger.policy.credentials_retry
        write(connection, arithmetic.closed(bucket, WaitingFor.CREDENTIALS, now, seconds))


@once_more
def open_seller(ledger: Ledger, seller: str) -> None:
    """Let a seller's calls go again: its credentials were seen to work, or have changed."""
    with ledger.database.write() as connection:
        for spec in sorted(ledger.routes.of_seller(seller), key=lambda spec: spec.key):
            bucket, _, _ = lock(ledger.database, connection, spec)
            if bucket.closed_for is WaitingFor.CREDENTIALS:
                write(connection, arithmetic.opened(bucket))


@once_more
def half_open(ledger: Ledger) -> None:
    """Let one call of each bucket that was closed for its credentials go and see.

    At the start of a worker: a restart is how a changed configuration arrives.
    """
    keys = {"keys": [spec.key for spec in ledger.routes.all()]}
    with ledger.database.write() as connection:
        for key in sorted(connection.execute(CLOSED_FOR_CREDENTIALS, keys).scalars().all()):
            connection.execute(LOCK, {"bucket": key})
            connection.execute(WRITE, {"bucket": key, "open_at": 0.0})

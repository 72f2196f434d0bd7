"""The buckets in which a job is ready and a token may be had, least recently served first.

The database leaves out what certainly has no token yet, so that a round does not grow with the
buckets that wait for theirs; `domain.bucket` has the last word on those that are left. The
condition is that arithmetic without its ceilings: it never leaves one out that has a token.
"""

import math
from collections.abc import Iterator

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
)

from worker.domain import bucket as arithmetic
from worker.domain.bucket import Bucket
from worker.ledger import rows
from worker.ledger.schema import READY, buckets, jobs
from worker.ledger.standings import CALLS_IN_FLIGHT

SOON = 0.001  # seconds: what is computed here and there differs by less
MORE = 8  # buckets that are read beyond those that are wanted: some will turn out to be empty
FINITE = 1e15

IS_BUSY = exists().where(jobs.c.bucket == buckets.c.key, text(f"{jobs.name}.{READY}"))
LEARNED = [buckets.c[name] for name in (*rows.RATES, "accepted")]
# Of a row that somebody has edited nothing is concluded here: see `rows.bucket_of`.
IS_SANE: ColumnElement[bool] = and_(
    buckets.c.capacity.between(1.0, FINITE),
    buckets.c.rate > 0.0,
    buckets.c.rate < FINITE,
    buckets.c.level >= 0.0,
    buckets.c.level <= buckets.c.capacity,
    buckets.c.level_at < FINITE,
    buckets.c.open_at < FINITE,
    *(or_(each.is_(None), each.between(0.0, FINITE)) for each in LEARNED),
)
PACE = func.coalesce(buckets.c.slowed_to, buckets.c.rate)
FILLED_AT = buckets.c.level_at + (1.0 - buckets.c.level) / func.nullif(PACE, 0.0)
HAS_ONE = buckets.c.level >= 1.0 - SOON  # whatever the clock has done since it was written
OPENS_AT = case(
    (~IS_SANE, 0.0),
    (or_(HAS_ONE, buckets.c.open_at > FILLED_AT), buckets.c.open_at),
    else_=func.coalesce(FILLED_AT, 0.0),
)
OPEN = (
    select(buckets, CALLS_IN_FLIGHT)
    .where(IS_BUSY, bindparam("soon") >= OPENS_AT)
    .order_by(buckets.c.served_at, buckets.c.key)
    .limit(bindparam("most"))
    .offset(bindparam("first"))
)
NEXT = select(func.min(OPENS_AT)).where(IS_BUSY, bindparam("soon") < OPENS_AT)


class Openings:
    """Iterates over (bucket, tokens), as far as somebody wants. `next_token_at` is then when one
    of those that were seen has one more token, on the ledger's clock.
    """

    def __init__(self, connection: Connection, now: float, wanted: int) -> None:
        self._connection = connection
        self._now = now
        self._wanted = wanted
        self.next_token_at = math.inf

    def __iter__(self) -> Iterator[tuple[Bucket, int]]:
        first, most = 0, self._wanted + MORE
        while True:
            page = {"soon": self._now + SOON, "first": first, "most": most}
            found = self._connection.execute(OPEN, page).all()
            for row in found:
                values = row._asdict()
                in_flight = values.pop("in_flight")
                bucket = arithmetic.refilled(rows.bucket_of(values), self._now, in_flight)
                next_at = arithmetic.next_token_at(bucket, in_flight)
                self.next_token_at = min(self.next_token_at, next_at)
                if tokens := arithmetic.tokens(bucket, self._now, in_flight):
                    yield bucket, tokens
            if len(found) < most:
                return
            first, most = first + most, 4 * most


def next_opening(connection: Connection, now: float) -> float:
    """When the first of the buckets that have no token is full enough for one, at the earliest."""
    moment = connection.execute(NEXT, {"soon": now + SOON}).scalar()
    return math.inf if moment is None else float(moment)

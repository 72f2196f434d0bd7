"""The quota, as far as the ledger tells it: its buckets' rows, and when each call was let go.

The provider counts arrivals, which no row has; that they keep to the quota, too, is what the rule
of the refill is for (`domain.bucket`). Here a bucket is replayed by its departures alone, at the
numbers that are in force now: calls from before they were, and from before the clock was set
back, are not judged.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy import tuple_ as several

from worker.ledger.database import Database
from worker.ledger.portraits import time
from worker.ledger.schema import attempts, buckets, jobs
from worker.ledger.verification.finding import Finding, Rule
from worker.ledger.verification.histories import RESERVED

PAGE = 5000
ROUNDING = 1e-6  # tokens
TOLERANCE = 0.05  # tokens: what a float of today's seconds loses over many calls
WAVERS = 60.0  # seconds by which a clock may be ahead without having been set
LONGEST_CLOSED = 30 * 86400.0  # seconds

WITHIN = Rule(
    4,
    f"In any t seconds at most capacity + rate * t calls of a bucket are let go (to within"
    f" {TOLERANCE:g} tokens).",
    "See that all workers are configured with the same quota, and that the ledger's clock is kept"
    " in step; `order-worker quotas` shows the bucket.",
)
LEVEL = Rule(
    4,
    "A bucket has between no token and its capacity, as of a time that has been.",
    "Delete the bucket's row: it is made anew, less the calls that were just made.",
)
RULES = (WITHIN, LEVEL)

PLACE = several(attempts.c.bucket, attempts.c.claimed_at, attempts.c.id)
CALLS = (
    select(
        attempts.c.bucket,
        attempts.c.claimed_at,
        attempts.c.id,
        attempts.c.job_id,
        attempts.c.number,
        attempts.c.step,
    )
    .where(several(bindparam("bucket"), bindparam("at"), bindparam("id")) < PLACE)
    .order_by(attempts.c.bucket, attempts.c.claimed_at, attempts.c.id)
    .limit(PAGE)
)
OF_SWEEP = select(jobs.c.stale_states.is_not(None)).where(jobs.c.id == bindparam("job_id"))
NUMBERS = ("capacity", "rate", "margin", "level", "level_at", "open_at", "closed_at", "served_at")


@dataclass(slots=True)
class _Replayed:
    """A bucket that is never fuller than it may be: `level` at `at`, after so many calls."""

    row: Row[Any]
    level: float = 0.0
    at: float = -math.inf
    newest: int = 0
    early: int = 0
    first: str = ""

    def let_go(self, call: Any, was_reserved: Callable[[], bool]) -> None:
        capacity, rate = self.row.capacity, self.row.rate
        if call.claimed_at < (self.row.numbers_at or 0.0):
            return
        if call.id < self.newest and not was_reserved():
            self.at = -math.inf  # two times of one clock are one: nobody can tell them apart
        self.newest = max(self.newest, call.id)
        self.level = min(capacity, self.level + (call.claimed_at - self.at) * rate) - 1.0
        self.at = call.claimed_at
        if self.level < -TOLERANCE:
            self.early += 1
            self.first = self.first or (
                f"attempt {call.number} of job {call.job_id} at {time(call.claimed_at)},"
                f" {-self.level:.2g} tokens short"
            )
            self.level = 0.0

    def findings(self) -> Iterator[Finding]:
        if self.early:
            many = f"{self.early} calls were" if self.early > 1 else "a call was"
            what = f"{many} let go too early; {'the first is ' if self.early > 1 else ''}"
            yield Finding(WITHIN, "bucket", self.row.key, what + self.first, self.row.seller)


def check(database: Database, tick: Callable[[int], None]) -> Iterator[Finding]:
    """Replay the calls of each bucket. `tick` is told of each page, how many calls it had."""
    with database.read() as connection:
        now = database.now(connection)
        found = connection.execute(select(buckets)).all()
    odd = {row.key: what for row in found if (what := _odd(row, now))}
    for row in found:
        if row.key in odd:
            yield Finding(LEVEL, "bucket", row.key, odd[row.key], row.seller)
    readable = {row.key: row for row in found if row.key not in odd}
    yield from _replayed(database, readable, tick)


def _odd(row: Row[Any], now: float) -> str | None:
    for name in NUMBERS:
        value = getattr(row, name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return f"{name} is {str(value)[:40]}"
    if row.capacity < 1.0 or row.rate <= 0.0:
        return f"has a capacity of {row.capacity:g} and a rate of {row.rate:g}"
    if not -ROUNDING <= row.level <= row.capacity + ROUNDING:
        return f"has {row.level:g} tokens of {row.capacity:g}"
    if row.level_at > now + WAVERS:
        return f"has its level as of {time(row.level_at)}, {row.level_at - now:.0f} s ahead"
    if row.open_at > now + LONGEST_CLOSED:
        return f"is closed until {time(row.open_at)}"
    return None


def _replayed(
    database: Database, rows: dict[str, Row[Any]], tick: Callable[[int], None]
) -> Iterator[Finding]:
    place: dict[str, Any] = {"bucket": "", "at": 0.0, "id": 0}
    replayed: _Replayed | None = None
    while True:
        with database.read() as connection:
            calls = connection.execute(CALLS, place).all()
            for call in calls:
                if replayed is None or replayed.row.key != call.bucket:
                    if replayed is not None:
                        yield from replayed.findings()
                    row = rows.get(call.bucket)
                    replayed = _Replayed(row) if row is not None else None
                if replayed is not None and call.number != RESERVED:
                    replayed.let_go(call, partial(_was_reserved, connection, call))
        tick(len(calls))
        if len(calls) < PAGE:
            break
        place = {"bucket": calls[-1].bucket, "at": calls[-1].claimed_at, "id": calls[-1].id}
    if replayed is not None:
        yield from replayed.findings()


def _was_reserved(connection: Connection, call: Any) -> bool:
    """The write of a sweep's cancel: its row is older than its call."""
    if call.step != "apply":
        return False
    return bool(connection.execute(OF_SWEEP, {"job_id": call.job_id}).scalar())

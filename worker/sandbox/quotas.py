"""The token buckets of the providers, counted on arrival.

The level is kept as whole microseconds of credit: one token costs the interval in which one is
restored (rounded to a microsecond once). No fraction is lost between two requests, so a caller at
exactly the restore rate is never refused.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.sandbox.fields import BadSetting

MICROSECOND = 1_000_000

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """What became of one request: whether it had a token, and the level (tokens) after it."""

    granted: bool
    level: float
    capacity: float
    full_in: float  # seconds until the bucket is full again


@dataclass(slots=True)
class Bucket:
    """`interval` is microseconds per token, `full` the credit of a full bucket."""

    interval: int
    full: int
    credit: int = field(init=False)
    counted_to: int | None = None

    def __post_init__(self) -> None:
        self.credit = self.full

    def restore(self, now: int, *, by_ticks: bool) -> None:
        """Add what came back since the last request; by ticks, only whole tokens come back."""
        if self.counted_to is None or self.credit >= self.full:
            self.counted_to = max(now, self.counted_to or now)
            return
        gained = max(0, now - self.counted_to)
        if by_ticks:
            gained -= gained % self.interval
        self.counted_to += gained
        self.credit = min(self.full, self.credit + gained)
        if self.credit == self.full:
            self.counted_to = max(now, self.counted_to)

    def take(self, *, charge_refused: bool) -> bool:
        granted = self.credit >= self.interval
        if granted or charge_refused:
            self.credit = max(0, self.credit - self.interval)
        return granted


class Quotas:
    """Every bucket that was asked of so far, full at its first request."""

    def __init__(self) -> None:
        self._buckets: dict[Key, Bucket] = {}

    def take(
        self,
        key: Key,
        quota: tuple[float, float],
        now: float,
        *,
        by_ticks: bool = False,
        charge_refused: bool = False,
    ) -> Take:
        """Count one request that arrived `now` (epoch seconds) against (capacity, rate)."""
        capacity, rate = quota
        bucket = self._buckets.get(key)
        if bucket is None:
            interval = max(1, round(MICROSECOND / rate))
            bucket = self._buckets[key] = Bucket(interval, round(capacity * interval))
        bucket.restore(round(now * MICROSECOND), by_ticks=by_ticks)
        granted = bucket.take(charge_refused=charge_refused)
        return Take(
            granted,
            level=bucket.credit / bucket.interval,
            capacity=capacity,
            full_in=(bucket.full - bucket.credit) / MICROSECOND,
        )

    def clear(self) -> None:
        self._buckets.clear()


def check(quotas: object) -> None:
    """Raise BadSetting with a sentence if a table of (capacity, rate) cannot be a quota."""
    if not isinstance(quotas, Mapping):
        raise BadSetting("quotas is a table of operation = (capacity, tokens a second).")
    for operation, numbers in quotas.items():
        try:
            capacity, rate = (float(number) for number in numbers)
        except (TypeError, ValueError):
            capacity = rate = math.nan
        if not (1 <= capacity < math.inf and 0 < rate < math.inf):
            raise BadSetting(
                f"The quota of {operation} is {numbers!r}; it needs a capacity of at least 1 "
                "and a restore rate above 0, both finite."
            )

"""The tokens of the buckets, counted along: by the calls that were let go, and those that ended.

What a bucket's row says must follow from that, at every commit; and no token may be left unused
while a ready job could take it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.world import World

PROBED = {"backoff", "credentials"}  # what a bucket is closed for until one call was good


@dataclass
class Count:
    """A bucket, `level` as it follows from the calls; the rest as its row says."""

    capacity: float
    rate: float
    level: float
    at: float
    row: tuple[float, float]  # level, and when
    open_at: float
    closed_for: str | None
    throttles: int
    slowed_to: float | None
    in_flight: int = 0
    unused_since: float | None = None

    @property
    def pace(self) -> float:
        return self.slowed_to or self.rate

    def refill(self, now: float) -> None:
        if now > self.at:
            ceiling = max(0.0, self.capacity - self.in_flight)
            full = min(self.level + (now - self.at) * self.pace, ceiling)
            self.level, self.at = max(self.level, full), now

    def usable_from(self) -> float:
        """Since when, or from when on, a ready job may have a token."""
        if self.closed_for in PROBED and self.in_flight:
            return math.inf
        if self.level >= 1.0:
            return max(self.open_at, self.at)
        if self.capacity - self.in_flight < 1.0:
            return math.inf
        return max(self.open_at, self.at + (1.0 - self.level) / self.pace)


class Tokens:
    def __init__(self, world: World) -> None:
        self.world = world
        self.buckets: dict[str, Count] = {}
        self._written: set[str] = set()
        self._calls: dict[str, int] = {}  # in flight, of a bucket that has no row yet

    def written(
        self,
        verb: str,
        key: str,
        capacity: float,
        rate: float,
        level: float,
        at: float,
        open_at: float,
        closed_for: str | None,
        throttles: int,
        slowed_to: float | None,
    ) -> None:
        if verb == "DELETE":
            self._calls[key] = self.buckets.pop(key).in_flight
            return
        if verb == "INSERT":
            row = (level, at)
            count = Count(capacity, rate, level, at, row, open_at, closed_for, throttles, slowed_to)
            count.in_flight = self._calls.pop(key, 0)
            self.buckets[key] = count
        count = self.buckets[key]
        count.refill(at)
        count.slowed_to = slowed_to
        if throttles > count.throttles:  # the provider's bucket is empty, so ours is
            count.level = min(count.level, 0.0)
        count.at = min(count.at, at) if at < count.row[1] else count.at  # the clock was set back
        count.row, count.open_at, count.closed_for = (level, at), open_at, closed_for
        count.throttles = throttles
        self._written.add(key)

    def taken(self, key: str, at: float) -> None:
        if count := self.buckets.get(key):
            count.refill(at)
            count.level -= 1.0
            count.in_flight += 1
            count.unused_since = None

    def ended(self, key: str, at: float) -> None:
        if count := self.buckets.get(key):
            count.refill(at)
            count.in_flight -= 1

    def given_back(self, key: str) -> None:
        if count := self.buckets.get(key):
            count.refill(self.world.ledger_time())
            count.in_flight -= 1
            ceiling = max(0.0, count.capacity - count.in_flight)
            count.level = max(count.level, min(count.level + 1.0, ceiling))

    def compare(self) -> list[str]:
        """What is wrong with the rows that were written since."""
        keys, self._written = sorted(self._written), set()
        wrongs = []
        for key in keys:
            count = self.buckets.get(key)
            if count is None:
                continue
            level, at = count.row
            count.refill(at)
            if abs(level - count.level) > 1e-6:
                wrongs.append(f"{key} has {level} tokens, by its calls {count.level}")
        return wrongs

    def unused(self, now: float, until: float, is_wanted: Callable[[str], Any]) -> float:
        """For how many seconds, at `until`, a token that somebody wants will have been unused.

        `now` and `until` are on the ledger's clock, and nothing happens in between.
        """
        longest = 0.0
        for key, count in self.buckets.items():
            usable_from = count.usable_from()
            if usable_from >= until or not is_wanted(key):
                count.unused_since = None
                continue
            if count.unused_since is None:
                count.unused_since = max(now, usable_from)
            longest = max(longest, until - count.unused_since)
        return longest

"""How often somebody may ask: the quota's own arithmetic, in this process' memory.

A limit for each process, and not for all: it protects the process, whoever restarts it starts anew.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from worker.domain import bucket as arithmetic
from worker.domain.bucket import Bucket, BucketSpec

REMEMBERED = 10_000  # callers; whoever has not asked for the longest time is forgotten first


class Rates:
    """`burst` requests at once and `per_second` in the long run, for each caller by itself."""

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_second = burst, per_second
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: str) -> int:
        """0, and a request is counted; or the whole seconds after which one would be let in."""
        with self._lock:
            bucket, wait = self._now(who)
            if not wait:
                self._keep(who, arithmetic.taken(bucket, bucket.level_at))
            return wait

    def wait(self, who: str) -> int:
        """As `take`, and nothing is counted."""
        with self._lock:
            return self._now(who)[1]

    def _now(self, who: str) -> tuple[Bucket, int]:
        now = self._clock()
        known = self._buckets.get(who)
        spec = BucketSpec(who, who, "web", self._burst, self._per_second, "configured")
        bucket = arithmetic.refilled(known, now, 0) if known else arithmetic.full(spec, now)
        if arithmetic.tokens(bucket, now, 0):
            return bucket, 0
        return bucket, max(1, math.ceil(arithmetic.next_token_at(bucket, 0) - now))

    def _keep(self, who: str, bucket: Bucket) -> None:
        self._buckets[who] = bucket
        self._buckets.move_to_end(who)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)

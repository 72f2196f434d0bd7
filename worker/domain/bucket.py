"""The token bucket of one operation for one seller account: arithmetic with `now` as an argument.

The provider counts a call when it arrives, and its bucket starts to refill when the first,
slow call has arrived; we count when we let a call go. Refilling from the departure was
throttled in each of 1 000 simulated runs. So the refill stops at `capacity - calls in flight`:
whatever is on its way is treated as not yet counted over there. It is the caller's duty to
refill with the old number of calls in flight before that number changes.
"""

import math
from dataclasses import dataclass, replace

from worker.domain.jobs import WaitingFor

# What a bucket is closed for until an answer shows that the reason is gone: one call at a
# time is let through once `open_at` has passed. A throttle's pause simply ends.
PROBED = frozenset({WaitingFor.BACKOFF, WaitingFor.CREDENTIALS})

EPSILON = 1e-9  # a token that is short by a rounding error is a token


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """One bucket of the configuration: which, for whom, and its nominal numbers.

    `key` names endpoint, seller account, access key (as a fingerprint) and operation, and
    holds no secret. `margin` is in seconds, `read_at` (epoch seconds) when the configuration was
    read that says so: of two processes that know different numbers, the later reader's count.
    """

    key: str
    seller: str
    operation: str
    capacity: float
    rate: float
    source: str  # the page the numbers come from, or "assumed", or "configured"
    margin: float = 0.0
    read_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """`level` tokens at `level_at` (epoch seconds); refilled with `pace` a second to `capacity`.

    `rate` is the nominal one, of the configuration; `pace` is less while throttles have shown
    that less is free (`domain.learning`, which the last fields are for).
    """

    key: str
    seller: str
    operation: str
    capacity: float
    rate: float
    source: str
    level: float
    level_at: float
    margin: float = 0.0  # seconds by which the capacity is lowered
    open_at: float = 0.0
    closed_for: WaitingFor | None = None
    closed_at: float = 0.0
    outages: int = 0  # answers in a row that were an outage
    closings: int = 0  # closings in a row for an outage
    throttled_at: float | None = None
    throttles: int = 0
    served_at: float = 0.0
    numbers_at: float | None = None  # since when capacity, rate and margin are as they are
    read_at: float | None = None  # when the configuration was read that they are from
    slowed_to: float | None = None  # tokens a second, since `level_at`; None: the nominal rate
    stated_rate: float | None = None  # tokens a second, as the provider's answers say
    learned_rate: float | None = None  # what was free at `learned_at`
    learned_at: float | None = None
    learned_from: str | None = None  # the answer that showed it
    accepted: float = 0.0  # calls that the provider took since `accepted_since`, older ones less
    accepted_since: float | None = None  # an emptying; None: nothing can be measured yet

    @property
    def pace(self) -> float:
        """Tokens a second that it is refilled with."""
        return self.rate if self.slowed_to is None else min(self.rate, self.slowed_to)

    @property
    def ceiling(self) -> float:
        return max(1.0, self.capacity - self.rate * self.margin)


def refilled(bucket: Bucket, now: float, in_flight: int) -> Bucket:
    """The bucket at `now`, `in_flight` calls having been on their way since `level_at`.

    A clock that went back leaves level and time as they are: no second is credited twice.
    """
    elapsed = now - bucket.level_at
    if elapsed <= 0:
        return bucket
    ceiling = max(0.0, bucket.ceiling - in_flight)
    level = max(bucket.level, min(bucket.level + elapsed * bucket.pace, ceiling))
    idle = not in_flight and bucket.level + elapsed * bucket.pace > ceiling + 1.0
    since = None if idle else bucket.accepted_since  # tokens were lost, perhaps over there, too
    return replace(bucket, level=level, level_at=now, accepted_since=since)


def tokens(bucket: Bucket, now: float, in_flight: int) -> int:
    """How many calls may go now. The bucket must have been refilled to `now`."""
    if now < bucket.open_at:
        return 0
    whole = max(0, math.floor(bucket.level + EPSILON))
    if bucket.closed_for in PROBED:
        return min(whole, 1) if in_flight == 0 else 0
    return whole


def spendable(bucket: Bucket, whole: int, priority: int, reserve: int) -> int:
    """How many of so many whole tokens jobs of a priority may take: the last `reserve` of them
    are kept for priority 0. A bucket never keeps all that it can hold.
    """
    if priority <= 0:
        return whole
    return max(0, whole - min(reserve, math.floor(bucket.ceiling + EPSILON) - 1))


def next_token_at(bucket: Bucket, in_flight: int) -> float:
    """When `tokens` next grows if no call ends before; infinity if only an ended call helps.

    The bucket must have been refilled to now. What is returned is always later: whoever sleeps
    until then finds more tokens than there are now.
    """
    probed = bucket.closed_for in PROBED
    whole = math.floor(bucket.level + EPSILON)
    if whole >= 1 and bucket.level_at < bucket.open_at and not (probed and in_flight):
        return bucket.open_at
    if probed and (in_flight or whole >= 1):
        return math.inf
    wanted = max(whole + 1, 1)
    if wanted > max(0.0, bucket.ceiling - in_flight) + EPSILON:
        return math.inf
    return max(bucket.open_at, _filled_at(bucket, wanted))


def comes_sooner(before: Bucket, after: Bucket, in_flight: int, reserve: int) -> bool:
    """Whether the end of one of `in_flight` calls brings a token sooner than is known to those who
    found none but the reserve. Both are of the same moment.
    """
    if tokens(before, before.level_at, in_flight) > reserve:
        return False
    return next_token_at(after, in_flight - 1) < next_token_at(before, in_flight) - EPSILON


def _filled_at(bucket: Bucket, wanted: int) -> float:
    """The first moment at which refilling gives `wanted` tokens, to the last bit of the clock."""
    moment = bucket.level_at + (wanted - bucket.level) / bucket.pace
    while bucket.level + (moment - bucket.level_at) * bucket.pace + EPSILON < wanted:
        moment = math.nextafter(moment, math.inf)
    return moment


def taken(bucket: Bucket, now: float) -> Bucket:
    """The bucket after one call was let go."""
    return replace(bucket, level=bucket.level - 1.0, served_at=now)


def given_back(bucket: Bucket, in_flight: int) -> Bucket:
    """The bucket after a call that was let go was not made; `in_flight` no longer counts it.

    It must have been refilled to now while the call still counted.
    """
    ceiling = max(0.0, bucket.ceiling - in_flight)
    return replace(bucket, level=max(bucket.level, min(bucket.level + 1.0, ceiling)))


def full(spec: BucketSpec, now: float, spent: int = 0) -> Bucket:
    """A bucket that has no row yet: full, but for the calls that are known to have been made."""
    bucket = Bucket(
        key=spec.key,
        seller=spec.seller,
        operation=spec.operation,
        capacity=spec.capacity,
        rate=spec.rate,
        source=spec.source,
        margin=spec.margin,
        level=0.0,
        level_at=now,
        numbers_at=now,
        read_at=spec.read_at,
    )
    return replace(bucket, level=max(0.0, bucket.ceiling - spent))


def following(bucket: Bucket, spec: BucketSpec) -> Bucket:
    """The bucket with the configuration's numbers, unless those in force were read later.

    It must have been refilled at the old ones.
    """
    if bucket.read_at is not None and spec.read_at < bucket.read_at:
        return bucket
    numbers = (spec.capacity, spec.rate, spec.margin, spec.source)
    if (bucket.capacity, bucket.rate, bucket.margin, bucket.source) != numbers:
        return resized(bucket, spec)
    return bucket if spec.read_at == bucket.read_at else replace(bucket, read_at=spec.read_at)


def resized(bucket: Bucket, spec: BucketSpec) -> Bucket:
    """The bucket with other numbers; it must have been refilled at the old rate.

    A smaller capacity takes away what is lost of it: the calls that were let go have been made.
    A larger one is to be filled first. What was learned was of the old numbers.
    """
    new = replace(
        bucket,
        capacity=spec.capacity,
        rate=spec.rate,
        margin=spec.margin,
        source=spec.source,
        numbers_at=bucket.level_at,
        read_at=spec.read_at,
        slowed_to=None,
        stated_rate=None,
        learned_rate=None,
        accepted_since=None,
    )
    lost = max(0.0, bucket.ceiling - new.ceiling)
    return replace(new, level=max(bucket.level - lost, min(bucket.level, 0.0)))


def closed(bucket: Bucket, why: WaitingFor, now: float, seconds: float) -> Bucket:
    return replace(
        bucket,
        closed_for=why,
        closed_at=now,
        open_at=max(bucket.open_at, now + seconds),
    )


def opened(bucket: Bucket) -> Bucket:
    return replace(bucket, closed_for=None, open_at=0.0, outages=0, closings=0)

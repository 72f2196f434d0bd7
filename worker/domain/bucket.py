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
from worker.domain.outcomes import Answer, Outcome

OUTAGE_AFTER = 3  # answers in a row
OUTAGE_FIRST = 0.5  # seconds
OUTAGE_LONGEST = 60.0  # seconds

# What a bucket is closed for until an answer shows that the reason is gone: one call at a
# time is let through once `open_at` has passed. A throttle's pause simply ends.
PROBED = frozenset({WaitingFor.BACKOFF, WaitingFor.CREDENTIALS})
READ_WITH_OUR_CREDENTIALS = frozenset({Outcome.APPLIED, Outcome.STATE_REFUSED, Outcome.REJECTED})

EPSILON = 1e-9  # a token that is short by a rounding error is a token


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """One bucket of the configuration: which, for whom, and its nominal numbers.

    `key` names endpoint, seller account, access key (as a fingerprint) and operation, and
    holds no secret. `margin` is in seconds.
    """

    key: str
    seller: str
    operation: str
    capacity: float
    rate: float
    source: str  # the page the numbers come from, or "assumed", or "configured"
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """`level` tokens at `level_at` (epoch seconds); refilled with `rate` a second to `capacity`."""

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
    level = max(bucket.level, min(bucket.level + elapsed * bucket.rate, ceiling))
    return replace(bucket, level=level, level_at=now)


def tokens(bucket: Bucket, now: float, in_flight: int) -> int:
    """How many calls may go now. The bucket must have been refilled to `now`."""
    if now < bucket.open_at:
        return 0
    whole = math.floor(bucket.level + EPSILON)
    if bucket.closed_for in PROBED:
        return min(whole, 1) if in_flight == 0 else 0
    return max(whole, 0)


def next_token_at(bucket: Bucket, in_flight: int) -> float:
    """When `tokens` next grows if no call ends before; infinity if only an ended call helps."""
    if bucket.closed_for in PROBED and in_flight:
        return math.inf
    wanted = 1.0 if bucket.closed_for in PROBED else math.floor(bucket.level + EPSILON) + 1.0
    if bucket.level + EPSILON >= wanted:
        return max(bucket.open_at, bucket.level_at)
    if wanted > bucket.ceiling - in_flight:
        return math.inf if bucket.open_at <= bucket.level_at else bucket.open_at
    return max(bucket.open_at, bucket.level_at + (wanted - bucket.level) / bucket.rate)


def taken(bucket: Bucket, now: float) -> Bucket:
    """The bucket after one call was let go."""
    return replace(bucket, level=bucket.level - 1.0, served_at=now)


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
    )
    return replace(bucket, level=max(0.0, bucket.ceiling - spent))


def resized(bucket: Bucket, spec: BucketSpec) -> Bucket:
    """The bucket with other numbers; it must have been refilled at the old rate."""
    new = replace(
        bucket, capacity=spec.capacity, rate=spec.rate, margin=spec.margin, source=spec.source
    )
    return replace(new, level=min(bucket.level, new.ceiling))


def closed(bucket: Bucket, why: WaitingFor, now: float, seconds: float) -> Bucket:
    return replace(
        bucket,
        closed_for=why,
        closed_at=now,
        open_at=max(bucket.open_at, now + seconds),
    )


def opened(bucket: Bucket) -> Bucket:
    return replace(bucket, closed_for=None, open_at=0.0, outages=0, closings=0)


def after(
    bucket: Bucket, answer: Answer, claimed_at: float, now: float, credentials_retry: float
) -> Bucket:
    """What an answer teaches the bucket of its operation.

    `claimed_at` is when the call was let go: an answer to a call from before a closing says
    nothing about what has been since. The bucket must have been refilled to `now`.
    """
    if answer.outage:
        return _after_outage(bucket, claimed_at, now)
    bucket = replace(bucket, outages=0)
    if answer.outcome is Outcome.THROTTLED:
        emptied = replace(
            bucket, level=min(bucket.level, 0.0), throttled_at=now, throttles=bucket.throttles + 1
        )
        if bucket.closed_for is WaitingFor.BACKOFF:
            emptied = opened(emptied)
        if answer.retry_after is None:
            return emptied
        return closed(emptied, WaitingFor.THROTTLE, now, answer.retry_after)
    if answer.outcome is Outcome.DENIED:
        return closed(bucket, WaitingFor.CREDENTIALS, now, credentials_retry)
    good = answer.outcome in READ_WITH_OUR_CREDENTIALS
    if bucket.closed_for is WaitingFor.BACKOFF or (
        bucket.closed_for is WaitingFor.CREDENTIALS and good and claimed_at >= bucket.closed_at
    ):
        return opened(bucket)
    if bucket.closed_for is WaitingFor.THROTTLE and bucket.open_at <= now:
        return opened(bucket)
    return bucket


def _after_outage(bucket: Bucket, claimed_at: float, now: float) -> Bucket:
    bucket = replace(bucket, outages=bucket.outages + 1)
    if bucket.outages < OUTAGE_AFTER:
        return bucket
    if bucket.closed_for in PROBED and claimed_at < bucket.closed_at:
        return bucket
    pause = min(OUTAGE_LONGEST, OUTAGE_FIRST * 2**bucket.closings)
    why = bucket.closed_for if bucket.closed_for in PROBED else WaitingFor.BACKOFF
    return replace(
        closed(bucket, why or WaitingFor.BACKOFF, now, pause), closings=bucket.closings + 1
    )

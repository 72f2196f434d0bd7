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
LONGEST_DOUBLING = 30  # the power of two is kept finite, however long an outage lasts

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
    numbers_at: float | None = None  # since when capacity, rate and margin are as they are

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
    whole = max(0, math.floor(bucket.level + EPSILON))
    if bucket.closed_for in PROBED:
        return min(whole, 1) if in_flight == 0 else 0
    return whole


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


def _filled_at(bucket: Bucket, wanted: int) -> float:
    """The first moment at which refilling gives `wanted` tokens, to the last bit of the clock."""
    moment = bucket.level_at + (wanted - bucket.level) / bucket.rate
    while bucket.level + (moment - bucket.level_at) * bucket.rate + EPSILON < wanted:
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
    )
    return replace(bucket, level=max(0.0, bucket.ceiling - spent))


def resized(bucket: Bucket, spec: BucketSpec) -> Bucket:
    """The bucket with other numbers; it must have been refilled at the old rate.

    A smaller capacity takes away what is lost of it: the calls that were let go have been made.
    """
    new = replace(
        bucket,
        capacity=spec.capacity,
        rate=spec.rate,
        margin=spec.margin,
        source=spec.source,
        numbers_at=bucket.level_at,
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


def after(
    bucket: Bucket, answer: Answer, claimed_at: float, now: float, credentials_retry: float
) -> Bucket:
    """What an answer teaches the bucket of its operation.

    `claimed_at` is when the call was let go: an answer to a call from before a closing says
    nothing about what has been since. The bucket must have been refilled to `now`.
    """
    if answer.outage:
        return _after_outage(bucket, claimed_at, now)
    if not answer.answered:
        return bucket  # nothing was sent, or it was lost on our side: the provider said nothing
    bucket = replace(bucket, outages=0, closings=0)
    if bucket.closed_for is WaitingFor.BACKOFF:
        bucket = opened(bucket)
    match answer.outcome:
        case Outcome.THROTTLED:
            return _emptied(bucket, answer.retry_after, now)
        case Outcome.DENIED:
            return _denied(bucket, claimed_at, now, credentials_retry)
    return _opened_by(bucket, answer.outcome, claimed_at, now)


def _emptied(bucket: Bucket, retry_after: float | None, now: float) -> Bucket:
    """Throttled: the provider's bucket is empty, so ours is. A pause keeps a probe a probe."""
    empty = replace(
        bucket, level=min(bucket.level, 0.0), throttled_at=now, throttles=bucket.throttles + 1
    )
    if retry_after is None:
        return empty
    why = bucket.closed_for if bucket.closed_for in PROBED else WaitingFor.THROTTLE
    return replace(empty, closed_for=why, open_at=max(bucket.open_at, now + retry_after))


def _denied(bucket: Bucket, claimed_at: float, now: float, credentials_retry: float) -> Bucket:
    if bucket.closed_for is WaitingFor.CREDENTIALS and claimed_at < bucket.closed_at:
        return bucket
    return closed(bucket, WaitingFor.CREDENTIALS, now, credentials_retry)


def _opened_by(bucket: Bucket, outcome: Outcome, claimed_at: float, now: float) -> Bucket:
    match bucket.closed_for:
        case WaitingFor.CREDENTIALS:
            read = outcome in READ_WITH_OUR_CREDENTIALS
            over = read and claimed_at >= bucket.closed_at
        case WaitingFor.THROTTLE:
            over = bucket.open_at <= now
        case _:
            over = False
    return replace(bucket, closed_for=None, open_at=0.0) if over else bucket


def _after_outage(bucket: Bucket, claimed_at: float, now: float) -> Bucket:
    """The third outage in a row closes, and each failed probe closes for twice as long.

    Calls from before a closing are not counted again: they met the outage that it is for.
    """
    if claimed_at < bucket.closed_at:
        return bucket
    bucket = replace(bucket, outages=bucket.outages + 1)
    if bucket.outages < OUTAGE_AFTER:
        return bucket
    pause = min(OUTAGE_LONGEST, OUTAGE_FIRST * 2.0 ** min(bucket.closings, LONGEST_DOUBLING))
    denied = bucket.closed_for is WaitingFor.CREDENTIALS
    why = WaitingFor.CREDENTIALS if denied else WaitingFor.BACKOFF
    return replace(closed(bucket, why, now, pause), closings=bucket.closings + 1)

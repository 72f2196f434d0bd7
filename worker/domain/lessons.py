"""What an answer teaches its bucket: to close, to open, to be empty."""

from dataclasses import replace

from worker.domain import learning
from worker.domain.bucket import PROBED, Bucket, closed, opened
from worker.domain.jobs import WaitingFor
from worker.domain.outcomes import Answer, Outcome

OUTAGE_AFTER = 3  # answers in a row
OUTAGE_FIRST = 0.5  # seconds
OUTAGE_LONGEST = 60.0  # seconds
LONGEST_DOUBLING = 30  # the power of two is kept finite, however long an outage lasts

READ_WITH_OUR_CREDENTIALS = frozenset({Outcome.APPLIED, Outcome.STATE_REFUSED, Outcome.REJECTED})


def after(
    bucket: Bucket, answer: Answer, claimed_at: float, now: float, credentials_retry: float
) -> Bucket:
    """What an answer teaches the bucket of its operation.

    `claimed_at` is when the call was let go: an answer to a call from before a closing says
    nothing about what has been since. The bucket must have been refilled to `now`.
    """
    bucket = _judged(bucket, answer, claimed_at, now, credentials_retry)
    if answer.retry_after is None or answer.outcome is not Outcome.THROTTLED:
        return bucket
    return _paused(bucket, answer.retry_after, now)


def _judged(
    bucket: Bucket, answer: Answer, claimed_at: float, now: float, credentials_retry: float
) -> Bucket:
    if answer.outage:
        return _after_outage(bucket, claimed_at, now)
    if not answer.answered:
        return bucket  # nothing was sent, or it was lost on our side: the provider said nothing
    evidence = " ".join(str(part) for part in (answer.status, answer.code) if part)
    bucket = replace(bucket, outages=0, closings=0)
    bucket = learning.stated(bucket, answer.stated_rate, now, f"{evidence}, which states it")
    if bucket.closed_for is WaitingFor.BACKOFF:
        bucket = opened(bucket)
    if answer.outcome is Outcome.THROTTLED:
        if not answer.other_quota:
            bucket = learning.throttled(bucket, claimed_at, now, evidence)
        return _emptied(bucket, now)
    bucket = learning.taken_by_the_provider(bucket)
    if answer.outcome is Outcome.DENIED:
        return _denied(bucket, claimed_at, now, credentials_retry)
    return _opened_by(bucket, answer.outcome, claimed_at, now)


def _emptied(bucket: Bucket, now: float) -> Bucket:
    """Throttled: the provider's bucket is empty, so ours is."""
    return replace(
        bucket, level=min(bucket.level, 0.0), throttled_at=now, throttles=bucket.throttles + 1
    )


def _paused(bucket: Bucket, seconds: float, now: float) -> Bucket:
    """The provider names a time before which it takes no call. A probe stays a probe."""
    why = bucket.closed_for if bucket.closed_for in PROBED else WaitingFor.THROTTLE
    return replace(bucket, closed_for=why, open_at=max(bucket.open_at, now + seconds))


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

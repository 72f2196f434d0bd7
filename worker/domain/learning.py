"""The rate that is really free, learned from throttles that came in spite of a token.

Somebody else uses the quota, or the limit is lower than documented. At each throttle the
provider's bucket is empty. So between two of them it was refilled with what it took from us, what
others took, and less than one token more: with n calls taken in t seconds, (n + 1) / t bounds what
is free, ever closer as t grows. A throttle therefore sets the rate to that bound, and by one
throttle not below `AT_MOST` of what it was. A rate at the bound is a little too high, so that the
next throttle comes about when t has doubled: a handful of them in the first minute, whatever is
free. A factor alone (x 0.7) goes on overshooting both ways for ever.

From the last throttle on the rate grows towards the nominal one by the cube of the time, as TCP
CUBIC does (RFC 9438): hardly at all while the bound is fresh, all of the way within `GROWTH`
seconds of silence. What was measured counts for about `MEMORY` seconds.

A bucket that stands full says nothing: over there tokens were lost, too (`bucket.refilled`).
"""

from dataclasses import replace

from worker.domain.bucket import Bucket

AT_MOST = 0.7  # of the present rate is kept by any throttle
LEAST = 0.01  # of the nominal rate: a call a minute or two finds out when it is over
GROWTH = 120.0  # seconds from no rate at all to the nominal one
MEMORY = 60.0  # seconds


def recovered(bucket: Bucket) -> Bucket:
    """The bucket with the pace of its `level_at`: it must have been refilled to now."""
    slowed = None
    if bucket.learned_rate is not None:
        since = max(0.0, bucket.level_at - (bucket.learned_at or bucket.level_at))
        slowed = bucket.learned_rate + bucket.rate * (since / GROWTH) ** 3
    if slowed is not None and slowed >= bucket.rate:
        bucket, slowed = replace(bucket, learned_rate=None), None
    if bucket.stated_rate is not None and bucket.stated_rate < bucket.rate:
        slowed = min(slowed or bucket.rate, bucket.stated_rate)
    return bucket if slowed == bucket.slowed_to else replace(bucket, slowed_to=slowed)


def taken_by_the_provider(bucket: Bucket) -> Bucket:
    """One more call was not throttled."""
    if bucket.accepted_since is None:
        return bucket
    return replace(bucket, accepted=bucket.accepted + 1.0)


def throttled(bucket: Bucket, claimed_at: float, now: float, answer: str) -> Bucket:
    """The bucket after a throttle: measured, if it was one of a call after the last emptying.

    `answer` is the evidence, in a few words. The bucket must have been refilled to `now`.
    """
    since = bucket.accepted_since
    if claimed_at < max(since or 0.0, bucket.learned_at or 0.0):
        return bucket  # let go when nobody knew: it shows nothing new
    if since is None or now <= since:
        return replace(bucket, accepted=0.0, accepted_since=now)
    seconds = now - since
    free = (bucket.accepted + 1.0) / seconds
    rate = min(max(free, AT_MOST * bucket.pace, LEAST * bucket.rate), bucket.pace)
    kept = min(1.0, MEMORY / seconds)
    return recovered(
        replace(
            bucket,
            learned_rate=rate if rate < bucket.rate else None,
            learned_at=now,
            learned_from=answer,
            accepted=bucket.accepted * kept,
            accepted_since=now - seconds * kept,
        )
    )


def stated(bucket: Bucket, rate: float | None, now: float, answer: str) -> Bucket:
    """The provider's answer names its rate, in tokens a second; None leaves the last one.

    It lowers the pace at once, and never above the nominal rate: that one is what its owner wants.
    """
    rate = None if rate is None else max(rate, LEAST * bucket.rate)
    if rate is None or rate == bucket.stated_rate:
        return bucket
    if rate < bucket.pace:
        bucket = replace(bucket, learned_at=now, learned_from=answer)
    return recovered(replace(bucket, stated_rate=rate))

"""How long a job waits before it asks again, in seconds. Jitter is 0 … 1, drawn by the caller."""

from worker.domain.jobs import Job, Policy

WRITE = (5.0, 600.0)  # first, longest; parked after a write that was refused
LOOKUP = (1.0, 300.0)  # parked after a lookup that told nothing
BUYER = (10.0, 300.0)  # until a confirm that waits for the buyer's bank is looked up again
IN_PLACE = (0.25, 60.0)  # within the claim, as long as that fits the patience

# `Job.backoffs` counts waits of both kinds. The first three in place take 1.75 s at most,
# which the default patience of 2 s allows: parking starts at its own first wait after them.
WAITS_IN_PLACE = 3

LONGEST_DOUBLING = 30  # the power of two is kept finite, however often a job has waited


def backoff(bounds: tuple[float, float], waits: int, jitter: float) -> float:
    """Seconds to wait after `waits` waits in a row: doubling, the upper half of it drawn.

    With bounds (5, 600): 2.5 to 5 s, then 5 to 10 s, …, at last 300 to 600 s.
    """
    first, longest = bounds
    full = min(longest, first * 2.0 ** min(waits, LONGEST_DOUBLING))
    return full * (0.5 + 0.5 * jitter)


def parked_for(bounds: tuple[float, float], waits: int, jitter: float) -> float:
    """Seconds until a parked job asks again, those waits not counted that fit into a claim."""
    return backoff(bounds, max(0, waits - WAITS_IN_PLACE), jitter)


def rest_of_call(job: Job, now: float, policy: Policy) -> float:
    """Seconds until what was sent has either been read by the provider or never will be.

    Clocks that disagree neither skip the wait's start nor stretch it.
    """
    sent_at = now if job.sent_at is None else min(job.sent_at, now)
    return max(0.0, sent_at + policy.call_timeout - now)


def rest_of_doubt(first: float | None, now: float, policy: Policy) -> float:
    """Seconds until a lookup counts as the second one, `first` being when the first was read."""
    elapsed = 0.0 if first is None else max(0.0, now - first)
    return max(0.0, policy.doubt_wait - elapsed)

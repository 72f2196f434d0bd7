"""When a job's next request is expected to be sent, and on what that rests, in words.

It follows from the bucket's level and pace, and from how many ready jobs rank before it. Whatever
comes in between that ranks before it, or a throttle, moves it back; nobody is promised anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.bucket import Bucket
from worker.domain.jobs import FINAL, Job, State, WaitingFor

# What no clock tells the end of.
OPEN_ENDED: Mapping[WaitingFor, str] = {
    WaitingFor.ORDER: "an earlier job of its order comes first",
    WaitingFor.CREDENTIALS: "the provider has to accept the seller's credentials first",
}
UNROUTED = "no worker that has its seller's keys has seen it yet"
CLOSED: Mapping[WaitingFor, str] = {
    WaitingFor.THROTTLE: "the provider has asked for a pause",
    WaitingFor.BACKOFF: "the provider does not answer; one call at a time goes and sees",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """`at` in epoch seconds; None of what cannot be said, or needs no saying."""

    at: float | None = None
    basis: str | None = None


NOTHING = Expectation()


@dataclass(frozen=True, slots=True)
class Queue:
    """A bucket that was refilled to `now`, and how many ready jobs rank before the one asked for.

    `about` says that they were estimated. `kept` tokens are not for this job.
    """

    bucket: Bucket
    now: float
    ahead: int
    about: bool = False
    kept: int = 0


def turn_at(queue: Queue) -> float:
    """When there is a token for this job, if each that ranks before it takes one."""
    bucket, opens = queue.bucket, max(queue.now, queue.bucket.open_at)
    filled = bucket.level + (opens - queue.now) * bucket.pace
    level = max(bucket.level, min(filled, bucket.ceiling))
    return opens + max(0.0, queue.ahead + 1 + queue.kept - level) / bucket.pace


def expected(job: Job, waiting_for: WaitingFor | None, queue: Queue | None) -> Expectation:
    """What to expect of a job; `waiting_for` is why it does not run at this moment."""
    if job.state in FINAL or job.state is State.RUNNING:
        return NOTHING
    if waiting_for is not None and waiting_for in OPEN_ENDED:
        return Expectation(basis=OPEN_ENDED[waiting_for])
    if queue is None:
        return Expectation(basis=UNROUTED)
    parts = [_told(queue)]
    why = queue.bucket.closed_for
    if why is not None and why in CLOSED and queue.bucket.open_at > queue.now:
        parts.insert(0, CLOSED[why])
    if job.due_at > queue.now:
        parts.insert(0, "it is not due before")
    return Expectation(max(job.due_at, turn_at(queue)), "; ".join(parts))


def _told(queue: Queue) -> str:
    bucket = queue.bucket
    many = f"about {queue.ahead}" if queue.about else str(queue.ahead)
    jobs = "job ranks" if many == "1" else "jobs rank"
    kept = f", {queue.kept} of them for checkouts" if queue.kept else ""
    return (
        f"{bucket.operation} has {max(0.0, bucket.level):.1f} of {bucket.capacity:g} tokens{kept},"
        f" {bucket.pace:.3g} a second; {many} {jobs} before it"
    )

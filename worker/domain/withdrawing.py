"""Taking a job back: why one is left alone, in words."""

from worker.domain.jobs import Effect, Job, State

WHY_NOT = {
    State.WAITING: "it has been applied, and only waits for the order's details",
    State.RUNNING: "a worker has it now, and its request may be on its way",
    State.IN_DOUBT: "a request may have been applied; it is looked up first",
    State.SUCCEEDED: "it has succeeded",
    State.REJECTED: "it has ended as rejected",
    State.FAILED: "it has ended as failed",
}


def why_not(job: Job) -> str:
    """Of a job that cannot be withdrawn, and has not been."""
    # A retry of what may have been applied waits, too, for its lookup.
    waits_in_doubt = job.state is State.WAITING and job.effect is Effect.POSSIBLE
    return WHY_NOT[State.IN_DOUBT if waits_in_doubt else job.state]

"""Trying a failed job again: whether it may be, and what it begins with.

A retry is the same job with its history; `max_attempts` and `give_up_after` begin anew. Whoever
asks for one may have it for any failure. The schedule retries only what time may have healed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.domain.choices import Circumstances, Decision
from worker.domain.jobs import Effect, Job, Policy, State, Step, Task, WaitingFor
from worker.domain.remedies import Helps, remedy_of
from worker.domain.waits import rest_of_call

WHY_NOT = {
    State.WAITING: "it is still open, and runs by itself once nothing is in its way",
    State.RUNNING: "it is still open: a worker has it now",
    State.IN_DOUBT: "it is still open: a request may have been applied, and is looked up first",
    State.SUCCEEDED: "it has succeeded; to do the same once more, ask anew with `again`",
    State.REJECTED: "it was rejected, and trying again changes nothing: remedy what the provider"
    " refused, then ask anew",
    State.WITHDRAWN: "it was withdrawn; ask anew",
}
NOT_OF_TIME = {
    Helps.PERSON: "it needs a person",
    Helps.BUYER: "it needs the buyer",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the schedule retries: what failed within `since` seconds, each at most so often."""

    since: float
    at_most: int


def why_not(job: Job) -> str | None:
    """Why a job cannot be retried; None if it can. Only what failed can."""
    return WHY_NOT.get(job.state)


def why_not_by_itself(
    job: Job, schedule: Schedule, now: float, lifetime: float | None
) -> str | None:
    """Why the schedule leaves a failed job alone; None if it retries it.

    `lifetime` is for how many seconds after a job's acceptance its provider keeps the order
    in a state in which the job can still be carried out; None if it names no limit.
    """
    failed_at = job.finished_at or job.accepted_at
    if (needs := remedy_of((job.error or {}).get("kind")).helps) is not Helps.TIME:
        return NOT_OF_TIME[needs]
    if job.expires_at is not None and now >= job.expires_at:
        return "the time that its caller gave it has passed"
    if lifetime is not None and now >= job.accepted_at + lifetime:
        return f"it is older than the {lifetime / 3600:g} h that its provider keeps such an order"
    if now >= failed_at + schedule.since:
        return "it failed too long ago"
    if job.retries >= schedule.at_most:
        return f"the schedule has retried it {job.retries} times"
    return None


def is_due(job: Job, schedule: Schedule, now: float, lifetime: float | None) -> bool:
    """Whether the schedule will retry a job of whatever state: only confirms that failed."""
    of_schedule = job.state is State.FAILED and job.task is Task.CONFIRM
    return of_schedule and why_not_by_itself(job, schedule, now, lifetime) is None


def retried(job: Job, why: str, at: Circumstances, policy: Policy) -> Decision:
    """What a failed job begins anew with: a lookup, where its effect is possible."""
    in_doubt = job.effect is Effect.POSSIBLE
    looks_up = in_doubt and at.can_look_up
    had = f"it had failed: {_said(job.error or {})}"
    return Decision(
        State.WAITING,
        job.effect,
        Step.DOUBT if looks_up else job.request.first_step,
        WaitingFor.LOOKUP if looks_up else WaitingFor.TURN,
        due_in=rest_of_call(job, at.now, policy) if in_doubt and job.sends else 0.0,
        doubt_since=at.now if in_doubt else None,
        why=f"{why}; {had}" if why else had,
    )


def _said(error: Mapping[str, Any]) -> str:
    """A failure in a few words, for the history: the job's own error gives way to the next."""
    words = (error.get("code"), error.get("message"))
    answer = ": ".join(str(word) for word in words if word)
    return ", ".join(filter(None, (str(error.get("kind") or ""), answer))) or "for no known reason"

"""What a decision is: the values that go into one and come out, and the plainest: as before."""

from dataclasses import dataclass
from typing import Any

from worker.domain.jobs import FINAL, Effect, Job, State, Step, WaitingFor


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ledger writes of an answer.

    `due_in` and `retry_in` are seconds from the answer. `retry_in` is not None where the very
    same request may be tried again within the claim, if that wait fits the patience.
    """

    state: State
    effect: Effect
    step: Step
    waiting_for: WaitingFor | None = None
    due_in: float = 0.0
    retry_in: float | None = None
    cost: int = 0
    backoffs: int = 0
    doubt_since: float | None = None
    not_applied_at: float | None = None
    receipt: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    why: str = ""  # a few words for the transition

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def goes_on(self) -> bool:
        """A check that lets the claim's write go: nothing is settled yet."""
        return self.state is State.RUNNING

    @property
    def parks(self) -> bool:
        return not self.is_final and not self.goes_on


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What `decide` must know beside the job and the answer."""

    now: float  # epoch seconds, when the answer came
    can_look_up: bool
    token_in: float = 0.0  # seconds until the bucket, once emptied, has its next token
    sca: bool = False  # a confirm that was answered 200 may still wait for the buyer's bank
    probe: bool = False  # the one call let through a closed bucket: its failure costs nothing
    jitter: float = 1.0  # 0 … 1, drawn by the caller


def same_step(
    job: Job,
    now: float,
    *,
    why: str,
    waiting_for: WaitingFor | None = None,
    retry_in: float | None = None,
    error: dict[str, Any] | None = None,
) -> Decision:
    """The same step again at no cost, as soon as its bucket lets it; nothing else has changed."""
    return Decision(
        parked(job.effect),
        job.effect,
        job.step,
        waiting_for or (WaitingFor.LOOKUP if job.step.is_lookup else WaitingFor.TURN),
        retry_in=retry_in,
        backoffs=job.backoffs,
        doubt_since=doubt_since(job, now),
        not_applied_at=job.not_applied_at,
        receipt=job.receipt,
        error=error or job.error,
        why=why,
    )


def parked(effect: Effect) -> State:
    """Where a job waits: what may have been applied waits in doubt, whatever it waits for."""
    return State.IN_DOUBT if effect is Effect.POSSIBLE else State.WAITING


def doubt_since(job: Job, now: float) -> float | None:
    """When the job's doubt began. Each doubt has such a moment: `doubt_limit` counts from it."""
    if job.effect is not Effect.POSSIBLE:
        return None
    return now if job.doubt_since is None else job.doubt_since

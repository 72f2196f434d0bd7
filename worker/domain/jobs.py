"""What a job is: the words of its row, and the values that travel between the layers.

Times are seconds since the epoch (UTC), durations are seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Task(StrEnum):
    """What a job does to an order; also the Celery task's name after `worker.`."""

    CONFIRM = "confirm"
    CANCEL = "cancel"


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    IN_DOUBT = "in_doubt"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


FINAL = frozenset({State.SUCCEEDED, State.REJECTED, State.FAILED, State.WITHDRAWN})


class WaitingFor(StrEnum):
    """Why a job that is not running does not run now."""

    TURN = "turn"
    QUOTA = "quota"
    THROTTLE = "throttle"
    BACKOFF = "backoff"
    ORDER = "order"
    CREDENTIALS = "credentials"
    BUYER = "buyer"
    LOOKUP = "lookup"


class Effect(StrEnum):
    """What a job has done at the provider, as far as we know."""

    NONE = "none"
    POSSIBLE = "possible"
    APPLIED = "applied"


class Step(StrEnum):
    """What the job's next request is: the write itself, or a lookup and what it is for.

    The order of the lookups is their rank in a lookup bucket (`RANK`): a doubt holds an
    order up, a check stands before a cancel, details are wanted last.
    """

    APPLY = "apply"
    DOUBT = "lookup:doubt"  # a request of ours may have been applied
    REFUSAL = "lookup:refusal"  # the order's state refused the request
    CHECK = "lookup:check"  # a sweep's cancel: may this order still be cancelled?
    DETAILS = "lookup:details"  # confirmed; the buyer's name and address are still to be read

    @property
    def is_lookup(self) -> bool:
        return self is not Step.APPLY

    @property
    def turn(self) -> "Step":
        """The step among whose requests a job of this one waits for its turn.

        A check waits among the writes: theirs is the scarcer quota, and the lookup is of use
        only if its cancel may follow at once.
        """
        return Step.APPLY if self is Step.CHECK else self


RANK = {Step.APPLY: 0, Step.DOUBT: 0, Step.REFUSAL: 0, Step.CHECK: 1, Step.DETAILS: 2}
BEFORE_WRITE = frozenset({Step.APPLY, Step.CHECK})  # steps that a job begins with


@dataclass(frozen=True, slots=True)
class Request:
    """What a producer asks for: the arguments of a task, after the door has checked them."""

    task: Task
    seller: str
    order_id: str
    reason: str | None = None
    reason_detail: str | None = None
    parent_order_id: str | None = None
    success_url: str | None = None
    failure_url: str | None = None
    priority: int = 0
    key: str | None = None
    # A sweep's cancel: the provider's words for the states in which it may cancel the order,
    # which a lookup made for the very claim has to show. None: whoever asked knows.
    stale_states: tuple[str, ...] | None = None

    @property
    def first_step(self) -> Step:
        """What the job begins with, and begins with again whenever it is to send its write."""
        return Step.APPLY if self.stale_states is None else Step.CHECK

    @property
    def idempotency_key(self) -> str:
        """At most one job per seller and key is open or succeeded. By default task and order."""
        return self.key if self.key is not None else f"{self.task}/{self.order_id}"

    def arguments(self) -> dict[str, Any]:
        """What makes two requests the same apart from priority; used to refuse a reused key."""
        return {
            "task": self.task.value,
            "seller": self.seller,
            "order_id": self.order_id,
            "reason": self.reason,
            "reason_detail": self.reason_detail,
            "parent_order_id": self.parent_order_id,
            "success_url": self.success_url,
            "failure_url": self.failure_url,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger, as the executor and the decisions see it."""

    id: str
    seq: int
    request: Request
    state: State
    step: Step
    effect: Effect  # in a claim: what earlier requests left, the coming one not counted
    accepted_at: float
    due_at: float
    deadline: float
    give_up_at: float
    waiting_for: WaitingFor | None = None
    attempt_count: int = 0  # requests of any operation
    sends: int = 0  # writes that were sent: above 1 the write is a repetition
    costs: int = 0  # writes that ended refused or unknown; counted against max_attempts
    backoffs: int = 0  # waits in a row of the present step; a definite answer sets it to 0
    doubt_since: float | None = None
    not_applied_at: float | None = None  # when a first lookup said "not yet"
    sent_at: float | None = None  # when the write was last sent
    lost_leases: int = 0
    finished_at: float | None = None
    expires_at: float | None = None  # its caller's own limit of time, beside give_up_after
    retries: int = 0  # by the schedule
    trace: dict[str, str] | None = None  # the trace context of the call that has recorded it
    receipt: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def task(self) -> Task:
        return self.request.task

    @property
    def seller(self) -> str:
        return self.request.seller

    @property
    def order_id(self) -> str:
        return self.request.order_id


LONGEST_LEASE = 3600.0  # seconds: what claims to last longer was not written by a worker


@dataclass(frozen=True, slots=True)
class Policy:
    """The waits and limits in force; see config/worker.toml for each one's meaning."""

    patience: float = 2.0
    lease: float = 15.0
    call_timeout: float = 10.0
    max_attempts: int = 8
    give_up_after: dict[Task, float] = field(
        default_factory=lambda: {Task.CONFIRM: 3 * 3600.0, Task.CANCEL: 72 * 3600.0}
    )
    doubt_wait: float = 10.0
    doubt_limit: float = 24 * 3600.0
    credentials_retry: float = 300.0
    lookup_after_confirm: bool = True
    reserve: int = 0  # tokens of each bucket that are kept for priority 0

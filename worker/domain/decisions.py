"""What follows from an answer: one pure function, `decide`.

A write that was applied, refused or left in doubt, a lookup that was read or not: each has
one function below, and each ends in a `Decision`, which the ledger writes as it stands.
"""

from dataclasses import dataclass, replace
from typing import Any

from worker.domain.jobs import FINAL, Effect, Job, Policy, State, Step, Task, WaitingFor
from worker.domain.outcomes import Answer, Basis, OrderView, Outcome, Standing

WRITE_BACKOFF = (5.0, 600.0)  # seconds: first, longest; of a write that was not applied
LOOKUP_BACKOFF = (1.0, 300.0)  # of a lookup, which changes nothing
LOST_LEASES = 5  # a job that kills its worker so often is given up
IN_PLACE = 0.25  # seconds before a refused request is tried again within its claim, doubling


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


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What `decide` must know beside the job and the answer."""

    now: float  # epoch seconds, when the answer came
    can_look_up: bool
    token_in: float = 0.0  # seconds until the bucket, once emptied, has its next token
    probe: bool = False  # the one call let through a closed bucket: its failure costs nothing
    jitter: float = 1.0  # 0 … 1, drawn by the caller


def decide(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    """The next state of a job whose `job.step` was answered by `answer`.

    `job.effect` is what the requests before this one left behind; `job.sends` counts this one.
    """
    match answer.outcome:
        case Outcome.THROTTLED:
            wait = at.token_in if answer.retry_after is None else answer.retry_after
            return _stay(job, answer, waiting_for=WaitingFor.THROTTLE, retry_in=wait)
        case Outcome.DENIED:
            return _stay(job, answer, waiting_for=WaitingFor.CREDENTIALS)
        case Outcome.CLOCK_EXPIRED:
            return _stay(job, answer, waiting_for=WaitingFor.TURN, retry_in=0.0)
    if job.step is Step.APPLY:
        return _after_write(job, answer, at, policy)
    if answer.outcome is Outcome.APPLIED and answer.order is not None:
        return _after_lookup(job, answer, answer.order, at, policy)
    return _look_again(job, answer, at, policy)


def backoff(bounds: tuple[float, float], waits: int, jitter: float) -> float:
    """Seconds to wait after `waits` waits in a row: doubling, the upper half of it drawn."""
    first, longest = bounds
    full = min(longest, first * 2.0 ** min(waits, 30))
    return full * (0.5 + 0.5 * jitter)


# --- a write ------------------------------------------------------------------------------


def _after_write(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    match answer.outcome:
        case Outcome.APPLIED:
            return _applied(job, answer, policy)
        case Outcome.REFUSED:
            return _refused(job, answer, at, policy)
        case Outcome.UNKNOWN:
            return _unknown(job, answer, at, policy)
        case Outcome.STATE_REFUSED if at.can_look_up:
            return Decision(
                State.WAITING,
                job.effect,
                Step.REFUSAL,
                WaitingFor.LOOKUP,
                error=_error("state_refused", answer),
                why=f"{answer.code}: the order is looked up",
            )
        case Outcome.STATE_REFUSED if job.sends > 1:
            receipt = _receipt(job, answer, Basis.INFERRED)
            return _succeeded(receipt, "a repeat was refused by the item's state")
        case Outcome.STATE_REFUSED | Outcome.REJECTED if job.effect is Effect.POSSIBLE:
            return _outcome_unknown(answer, "the repeat of an unanswered request was rejected")
        case Outcome.STATE_REFUSED | Outcome.REJECTED:
            return _rejected(_error("rejected", answer))
    raise AssertionError(f"Bug! {answer.outcome} is no outcome of a write.")


def _applied(job: Job, answer: Answer, policy: Policy) -> Decision:
    receipt = _receipt(job, answer, Basis.OWN)
    if job.task is Task.CONFIRM and policy.lookup_after_confirm:
        return Decision(
            State.WAITING,
            Effect.APPLIED,
            Step.DETAILS,
            WaitingFor.LOOKUP,
            receipt=receipt,
            why="applied; the order's details are looked up",
        )
    return _succeeded(receipt, "applied")


def _refused(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    cost = 0 if at.probe else 1
    if job.costs + cost >= policy.max_attempts:
        return _attempts_exhausted(job, answer, cost)
    return Decision(
        _parked(job.effect),
        job.effect,
        Step.APPLY,
        WaitingFor.BACKOFF,
        due_in=0.0 if at.probe else backoff(WRITE_BACKOFF, job.backoffs, at.jitter),
        retry_in=None if at.probe else IN_PLACE * 2**job.backoffs * (0.5 + 0.5 * at.jitter),
        cost=cost,
        backoffs=job.backoffs + 1,
        doubt_since=job.doubt_since,
        error=_error("refused", answer),
        why=answer.message or "nothing was sent",
    )


def _unknown(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    cost = 0 if at.probe else 1
    doubt = Decision(
        State.IN_DOUBT,
        Effect.POSSIBLE,
        Step.DOUBT,
        WaitingFor.LOOKUP,
        # What was sent and not answered may still be on its way: a lookup at once would
        # read the state before it.
        due_in=0.0 if answer.answered else _rest_of_call(job, at.now, policy),
        cost=cost,
        doubt_since=job.doubt_since if job.doubt_since is not None else at.now,
        error=_error("unknown", answer),
        why=answer.message or "no clear answer",
    )
    if at.can_look_up:
        return doubt
    if job.costs + cost >= policy.max_attempts:
        return _outcome_unknown(answer, "sent as often as allowed, and never answered", cost)
    # Without a lookup the only way to learn more is to ask again: a repeat that the item's
    # state refuses tells that an earlier one was applied.
    return Decision(
        State.IN_DOUBT,
        Effect.POSSIBLE,
        Step.APPLY,
        WaitingFor.BACKOFF,
        due_in=doubt.due_in + backoff(WRITE_BACKOFF, job.backoffs, at.jitter),
        cost=cost,
        backoffs=job.backoffs + 1,
        doubt_since=doubt.doubt_since,
        error=doubt.error,
        why="no clear answer and no lookup without a parent order: sent again",
    )


def _rest_of_call(job: Job, now: float, policy: Policy) -> float:
    return max(0.0, (job.sent_at or now) + policy.call_timeout - now)


# --- a lookup -----------------------------------------------------------------------------


def _after_lookup(
    job: Job, answer: Answer, order: OrderView, at: Circumstances, policy: Policy
) -> Decision:
    if job.step is Step.DETAILS:
        if order.standing is Standing.NOT_YET:  # the lookup lags behind the write
            return _look_again(job, answer, at, policy)
        return _succeeded({**(job.receipt or {}), **_order(order)}, "applied")
    match order.standing:
        case Standing.REACHED:
            return _succeeded(_receipt(job, answer, order.basis, order), f"found {order.state}")
        case Standing.MISSING if job.effect is Effect.POSSIBLE:
            return _outcome_unknown(answer, "the order is not where it was looked for", order=order)
        case Standing.EXCLUDED | Standing.MISSING:
            return _rejected(_order_error(job, answer, order))
        case Standing.NOT_YET if job.step is Step.REFUSAL:
            return _rejected(_order_error(job, answer, order))
    return _not_yet(job, answer, order, at, policy)


def _not_yet(
    job: Job, answer: Answer, order: OrderView, at: Circumstances, policy: Policy
) -> Decision:
    first = job.not_applied_at
    rest = policy.doubt_wait if first is None else first + policy.doubt_wait - at.now
    if rest > 0:
        return Decision(
            _parked(job.effect),
            job.effect,
            Step.DOUBT,
            WaitingFor.LOOKUP,
            due_in=rest,
            doubt_since=job.doubt_since,
            not_applied_at=at.now if first is None else first,
            error=job.error,
            why=f"found {order.state}; looked up once more before it is believed",
        )
    if job.costs >= policy.max_attempts:
        return _attempts_exhausted(replace(job, effect=Effect.NONE), answer, 0)
    return Decision(
        State.WAITING,
        Effect.NONE,
        Step.APPLY,
        WaitingFor.TURN,
        error=job.error,
        why=f"found {order.state} twice: not applied",
    )


def _look_again(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    """A lookup that told nothing: it changed nothing either, and is repeated at no cost."""
    if (
        job.step is Step.DOUBT
        and job.doubt_since is not None
        and at.now - job.doubt_since >= policy.doubt_limit
    ):
        return _outcome_unknown(answer, "no lookup could tell within the limit")
    return Decision(
        _parked(job.effect),
        job.effect,
        job.step,
        WaitingFor.LOOKUP,
        due_in=backoff(LOOKUP_BACKOFF, job.backoffs, at.jitter),
        retry_in=None if at.probe else IN_PLACE * 2**job.backoffs * (0.5 + 0.5 * at.jitter),
        backoffs=job.backoffs + 1,
        doubt_since=job.doubt_since,
        not_applied_at=job.not_applied_at,
        receipt=job.receipt,
        error=job.error,
        why=f"the lookup told nothing: {answer.code or answer.message or answer.outcome}",
    )


# --- without an answer ------------------------------------------------------------------------


def lease_lost(job: Job, now: float, policy: Policy, *, can_look_up: bool) -> Decision:
    """What follows when the worker that held `job` did not come back before its lease ended.

    `job.effect` is what stands in the ledger: possible, if it may have been sent.
    """
    nobody = Answer(Outcome.UNKNOWN, message="the worker that held the job was lost")
    if job.lost_leases + 1 >= LOST_LEASES:
        killer = replace(nobody, code="WorkerLost", message="the job lost its worker too often")
        if job.effect is Effect.APPLIED:
            return _succeeded(job.receipt or {}, "applied; its details were given up")
        if job.effect is Effect.POSSIBLE:
            return _outcome_unknown(killer, "the worker was lost too often")
        error = _error("worker_lost", killer)
        return Decision(State.FAILED, Effect.NONE, Step.APPLY, error=error, why="worker lost")
    if job.step is Step.APPLY and job.effect is Effect.POSSIBLE:
        at = Circumstances(now, can_look_up)
        return _unknown(job, nobody, at, policy)
    return replace(_stay(job, nobody, waiting_for=WaitingFor.TURN), why="the worker was lost")


def expired(job: Job) -> Decision:
    """What follows when the deadline of a job that is not running has passed."""
    nobody = Answer(Outcome.UNKNOWN, message="the time for it ran out")
    if job.effect is Effect.APPLIED:
        return _succeeded(job.receipt or {}, "applied; its details did not come in time")
    if job.effect is Effect.POSSIBLE:
        return _outcome_unknown(nobody, "no lookup could tell within the limit")
    error = (job.error or _error("expired", nobody)) | {"kind": "expired"}
    return Decision(State.FAILED, Effect.NONE, Step.APPLY, error=error, why="expired")


# --- where decisions end --------------------------------------------------------------------


def _stay(
    job: Job, answer: Answer, *, waiting_for: WaitingFor, retry_in: float | None = None
) -> Decision:
    """Not applied, at no cost: the same step again, as soon as its bucket lets it."""
    return Decision(
        _parked(job.effect),
        job.effect,
        job.step,
        waiting_for,
        retry_in=retry_in,
        backoffs=job.backoffs,
        doubt_since=job.doubt_since,
        not_applied_at=job.not_applied_at,
        receipt=job.receipt,
        error=_error(str(answer.outcome), answer) if job.step is Step.APPLY else job.error,
        why=answer.code or str(answer.outcome),
    )


def _parked(effect: Effect) -> State:
    return State.IN_DOUBT if effect is Effect.POSSIBLE else State.WAITING


def _succeeded(receipt: dict[str, Any], why: str) -> Decision:
    return Decision(State.SUCCEEDED, Effect.APPLIED, Step.APPLY, receipt=receipt, why=why)


def _rejected(error: dict[str, Any]) -> Decision:
    why = str(error.get("code") or error.get("order_state") or "rejected")
    return Decision(State.REJECTED, Effect.NONE, Step.APPLY, error=error, why=why)


def _attempts_exhausted(job: Job, answer: Answer, cost: int) -> Decision:
    if job.effect is Effect.POSSIBLE:
        return _outcome_unknown(answer, "sent as often as allowed, and never answered", cost)
    error = _error("attempts_exhausted", answer)
    return Decision(
        State.FAILED, Effect.NONE, Step.APPLY, cost=cost, error=error, why="attempts exhausted"
    )


def _outcome_unknown(
    answer: Answer, why: str, cost: int = 0, *, order: OrderView | None = None
) -> Decision:
    error = _error("outcome_unknown", answer)
    error["advice"] = (order and order.advice) or (
        "Look the order up at the provider: our request may have been applied."
    )
    return Decision(
        State.FAILED, Effect.POSSIBLE, Step.DOUBT, cost=cost, error=error, why=f"unknown: {why}"
    )


def _error(kind: str, answer: Answer) -> dict[str, Any]:
    return {
        "kind": kind,
        "code": answer.code,
        "message": answer.message,
        "advice": answer.advice,
        "status": answer.status,
        "request_id": answer.request_id,
    }


def _order_error(job: Job, answer: Answer, order: OrderView) -> dict[str, Any]:
    """The error of a job that its order's state rules out: the provider's refusal, if one was."""
    error = dict(job.error) if job.error else _error("rejected", answer)
    return error | {
        "kind": "rejected",
        "order_state": order.state,
        "advice": order.advice or error.get("advice"),
    }


def _receipt(
    job: Job, answer: Answer, basis: Basis, order: OrderView | None = None
) -> dict[str, Any]:
    """What `.get()` returns: on what the success rests, and what was read of the order."""
    receipt: dict[str, Any] = {
        "task": str(job.task),
        "seller": job.seller,
        "order_id": job.order_id,
        "basis": str(basis),
        # Found so rather than done by the request whose answer this is.
        "already": order is not None or basis is Basis.INFERRED,
        "request_id": answer.request_id,
        "order_state": None,
        "details": None,
    }
    return receipt | (_order(order) if order else {})


def _order(order: OrderView) -> dict[str, Any]:
    return {"order_state": order.state, "details": order.details or None}

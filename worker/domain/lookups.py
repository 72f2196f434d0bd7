"""What follows from the answer to a lookup: of a doubt, of a refused state, or for the details."""

from worker.domain.choices import Circumstances, Decision, doubt_since, parked
from worker.domain.endings import (
    attempts_exhausted,
    failed,
    outcome_unknown,
    rejected,
    succeeded,
    succeeded_without_details,
)
from worker.domain.jobs import Effect, Job, Policy, State, Step, WaitingFor
from worker.domain.outcomes import Answer, Basis, OrderView, Outcome, Standing
from worker.domain.records import (
    error_kept,
    error_of,
    error_of_order,
    is_unconfirmed,
    read_of,
    receipt_of,
    unconfirmed,
)
from worker.domain.waits import BUYER, IN_PLACE, LOOKUP, backoff, parked_for, rest_of_doubt


def after_lookup(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    order = answer.order
    if answer.outcome is not Outcome.APPLIED or order is None:
        return not_read(job, answer, at, policy)
    if job.step is Step.DETAILS:
        return _details(job, answer, order, at, policy)
    match order.standing:
        case Standing.REACHED:
            receipt = receipt_of(job, answer, order.basis, order)
            return succeeded(receipt, f"found {order.state}")
        case Standing.MISSING if job.effect is Effect.POSSIBLE:
            error = error_of("outcome_unknown", answer)
            error |= {"order_state": order.state, "advice": order.advice or error["advice"]}
            return outcome_unknown(error, "the order is not where it was looked for")
        case Standing.EXCLUDED | Standing.MISSING:
            return rejected(error_of_order(job, answer, order))
        case Standing.NOT_YET if job.step is Step.REFUSAL and job.effect is Effect.NONE:
            return rejected(error_of_order(job, answer, order))
    return _not_yet(job, answer, order, at, policy)


def _not_yet(
    job: Job, answer: Answer, order: OrderView, at: Circumstances, policy: Policy
) -> Decision:
    """A doubt, and the order is as it was before: believed once it is read so a second time."""
    rest = rest_of_doubt(job.not_applied_at, at.now, policy)
    if rest > 0:
        return Decision(
            parked(job.effect),
            job.effect,
            Step.DOUBT,
            WaitingFor.LOOKUP,
            due_in=rest,
            doubt_since=doubt_since(job, at.now),
            not_applied_at=at.now if job.not_applied_at is None else job.not_applied_at,
            error=job.error,
            why=f"found {order.state}; looked up once more before it is believed",
        )
    if job.costs >= policy.max_attempts:
        error = error_kept("attempts_exhausted", job, answer)
        return attempts_exhausted(error, Effect.NONE)
    return Decision(
        State.WAITING,
        Effect.NONE,
        Step.APPLY,
        WaitingFor.TURN,
        error=job.error,
        why=f"found {order.state} twice: not applied",
    )


def _details(
    job: Job, answer: Answer, order: OrderView, at: Circumstances, policy: Policy
) -> Decision:
    """A confirm was answered 200. Is the order open, and who is the buyer?

    Where strong customer authentication applies, the order stays as it was until the buyer
    has been to the bank: only a lookup tells that from a confirm that took effect.
    """
    if order.standing is Standing.NOT_YET:
        if rest_of_doubt(job.not_applied_at, at.now, policy) > 0:  # or the lookup lags behind
            return _look_again(job, at, f"still {order.state} after the confirm", read=True)
        return _waits_for_buyer(job, order, at)
    # One reading of "not yet" may lag behind the 200, which outside of SCA is an answer by itself.
    never_open = job.effect is Effect.NONE or is_unconfirmed(job)
    if order.standing is Standing.EXCLUDED and never_open and not order.was_open:
        return rejected(error_of_order(job, answer, order))
    known = job.receipt or receipt_of(job, answer, Basis.OWN)
    return succeeded(known | read_of(order), "applied")


def _waits_for_buyer(job: Job, order: OrderView, at: Circumstances) -> Decision:
    waits = job.backoffs if job.effect is Effect.NONE else 0
    left = job.give_up_at - at.now
    if left <= 0:
        return failed(unconfirmed(), "the buyer did not authenticate in time")
    return Decision(
        State.WAITING,
        Effect.NONE,
        Step.DETAILS,
        WaitingFor.BUYER,
        due_in=min(left, backoff(BUYER, waits, at.jitter)),  # the last look is at the very end
        backoffs=waits + 1,
        not_applied_at=job.not_applied_at,
        receipt=job.receipt,
        error=unconfirmed(),
        why=f"still {order.state}: the buyer has to authenticate the payment",
    )


def not_read(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    """A lookup that told nothing: it changed nothing either, and is repeated at no cost."""
    said = answer.code or answer.message or str(answer.outcome)
    if job.effect is Effect.APPLIED and answer.outcome in {Outcome.REJECTED, Outcome.STATE_REFUSED}:
        return succeeded_without_details(job, answer, f"applied; its details are refused: {said}")
    since = doubt_since(job, at.now)
    if since is not None and at.now - since >= policy.doubt_limit:
        error = error_kept("outcome_unknown", job, answer)
        return outcome_unknown(error, "no lookup could tell within the limit")
    paced = at.probe and answer.outage  # the bucket has closed again, and lets one call go later
    return _look_again(job, at, f"the lookup told nothing: {said}", paced=paced)


def _look_again(
    job: Job, at: Circumstances, why: str, *, paced: bool = False, read: bool = False
) -> Decision:
    """The same lookup again. `paced`: its bucket says when. `read`: it was read, as not yet."""
    first = at.now if read and job.not_applied_at is None else job.not_applied_at
    return Decision(
        parked(job.effect),
        job.effect,
        job.step,
        WaitingFor.LOOKUP,
        due_in=0.0 if paced else parked_for(LOOKUP, job.backoffs, at.jitter),
        retry_in=None if at.probe else backoff(IN_PLACE, job.backoffs, at.jitter),
        backoffs=job.backoffs if paced else job.backoffs + 1,
        doubt_since=doubt_since(job, at.now),
        not_applied_at=first,
        receipt=job.receipt,
        error=job.error,
        why=why,
    )

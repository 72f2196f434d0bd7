"""Whether a sweep may cancel an order: what the lookup of the very claim says.

Nobody has asked for this cancel but a rule, so that every doubt speaks for the order: what is
authorized, changed, closed or unknown is left alone, and the job is withdrawn with the reason.
"""

from worker.domain.choices import Circumstances, Decision, same_step
from worker.domain.endings import succeeded, withdrawn
from worker.domain.jobs import Effect, Job, Policy, State, Step
from worker.domain.lookups import not_read
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing
from worker.domain.records import receipt_of

REFUSED = frozenset({Outcome.REJECTED, Outcome.STATE_REFUSED})


def after_check(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    order = answer.order
    if answer.outcome in REFUSED:
        return withdrawn(f"the order cannot be read: {answer.code or answer.message}")
    if answer.outcome is not Outcome.APPLIED or order is None:
        return not_read(job, answer, at, policy)
    if order.standing is Standing.REACHED:
        return succeeded(receipt_of(job, answer, order.basis, order), f"found {order.state}")
    if why := spared(order, job.request.stale_states or ()):
        return withdrawn(why)
    return Decision(
        State.RUNNING,
        Effect.POSSIBLE,
        Step.APPLY,
        why=f"found {order.state}, without an authorization: cancelled",
    )


def check_again(job: Job, now: float) -> Decision:
    """The write that a check has let go could not follow at once: a lookup counts for its claim
    alone.
    """
    return same_step(job, now, why="checked, and then held up")


def spared(order: OrderView, states: tuple[str, ...]) -> str | None:
    """Why an order that a lookup has shown is not cancelled as stale; None if it may be."""
    if order.authorizations:
        return f"the order has an authorization ({order.authorizations[0]})"
    if order.standing is Standing.MISSING:
        return "the provider does not know the order"
    # The provider writes its states in several cases.
    if order.state.lower() not in {state.lower() for state in states}:
        return f"the order is {order.state}, and the sweep cancels only {' and '.join(states)}"
    if order.standing is not Standing.NOT_YET:
        return f"the order is {order.state}, which cannot be cancelled"
    return None

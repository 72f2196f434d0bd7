"""What follows from the answer to a write."""

from worker.domain.choices import Circumstances, Decision, doubt_since, parked
from worker.domain.endings import attempts_exhausted, outcome_unknown, rejected, succeeded
from worker.domain.jobs import Effect, Job, Policy, State, Step, Task, WaitingFor
from worker.domain.outcomes import Answer, Basis, Outcome
from worker.domain.records import error_of, receipt_of, unconfirmed
from worker.domain.waits import IN_PLACE, WRITE, backoff, parked_for, rest_of_call


def after_write(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    match answer.outcome:
        case Outcome.APPLIED:
            return _applied(job, answer, at, policy)
        case Outcome.REFUSED:
            return _refused(job, answer, at, policy)
        case Outcome.UNKNOWN:
            return unknown(job, answer, at, policy)
        case Outcome.STATE_REFUSED | Outcome.REJECTED if job.effect is Effect.POSSIBLE:
            return _refused_in_doubt(job, answer, at)
        case Outcome.STATE_REFUSED if at.can_look_up:
            return Decision(
                State.WAITING,
                Effect.NONE,
                Step.REFUSAL,
                WaitingFor.LOOKUP,
                error=error_of("state_refused", answer),
                why=f"{answer.code}: the order is looked up",
            )
        case Outcome.STATE_REFUSED | Outcome.REJECTED:
            return rejected(error_of("rejected", answer))
    raise AssertionError(f"Bug! {answer.outcome} is no outcome of a write.")


def unknown(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    """A request may have been applied: look the order up, or, where that cannot be, ask again."""
    cost = 0 if at.probe else 1
    error = error_of("unknown", answer)
    # What was sent and not answered may still be on its way: a lookup at once would read the
    # state before it.
    rest = 0.0 if answer.answered else rest_of_call(job, at.now, policy)
    since = at.now if job.doubt_since is None else job.doubt_since
    if at.can_look_up:
        return Decision(
            State.IN_DOUBT,
            Effect.POSSIBLE,
            Step.DOUBT,
            WaitingFor.LOOKUP,
            due_in=rest,
            cost=cost,
            doubt_since=since,
            error=error,
            why=answer.message or "no clear answer",
        )
    if job.costs + cost >= policy.max_attempts:
        return attempts_exhausted(error, Effect.POSSIBLE, cost)
    # Without a lookup the only way to learn more is to ask again: a repeat that the item's
    # state refuses tells that an earlier one was applied.
    return Decision(
        State.IN_DOUBT,
        Effect.POSSIBLE,
        Step.APPLY,
        WaitingFor.BACKOFF,
        due_in=rest + parked_for(WRITE, job.backoffs, at.jitter),
        cost=cost,
        backoffs=job.backoffs + 1,
        doubt_since=since,
        error=error,
        why="no clear answer and no lookup without a parent order: sent again",
    )


def _applied(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    receipt = receipt_of(job, answer, Basis.OWN)
    looked_up = policy.lookup_after_confirm or at.sca
    if job.task is Task.CONFIRM and looked_up and at.can_look_up:
        return Decision(
            State.WAITING,
            Effect.APPLIED,
            Step.DETAILS,
            WaitingFor.LOOKUP,
            receipt=receipt,
            error=unconfirmed() if at.sca else None,
            why="applied; the order's details are looked up",
        )
    return succeeded(receipt, "applied")


def _refused(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    cost = 0 if at.probe else 1
    if job.costs + cost >= policy.max_attempts:
        return attempts_exhausted(error_of("refused", answer), job.effect, cost)
    paced = at.probe and answer.outage  # the bucket has closed again, and lets one call go later
    return Decision(
        parked(job.effect),
        job.effect,
        Step.APPLY,
        WaitingFor.BACKOFF,
        due_in=0.0 if paced else parked_for(WRITE, job.backoffs, at.jitter),
        retry_in=None if at.probe else backoff(IN_PLACE, job.backoffs, at.jitter),
        cost=cost,
        backoffs=job.backoffs if paced else job.backoffs + 1,
        doubt_since=doubt_since(job, at.now),
        error=error_of("refused", answer),
        why=answer.message or "nothing was sent",
    )


def _refused_in_doubt(job: Job, answer: Answer, at: Circumstances) -> Decision:
    """A repeat was refused, and an earlier request may be the reason: never simply rejected."""
    if at.can_look_up:
        return Decision(
            State.IN_DOUBT,
            Effect.POSSIBLE,
            Step.DOUBT,
            WaitingFor.LOOKUP,
            doubt_since=doubt_since(job, at.now),
            error=error_of(str(answer.outcome), answer),
            why=f"{answer.code}: the order is looked up",
        )
    if answer.outcome is Outcome.STATE_REFUSED:
        receipt = receipt_of(job, answer, Basis.INFERRED)
        return succeeded(receipt, "a repeat was refused by the item's state")
    error = error_of("outcome_unknown", answer)
    return outcome_unknown(error, "the repeat of an unanswered request was rejected")

"""What follows from an answer: one pure function, `decide`.

The table of it is in `tests/unit/domain/test_decision_table.py`. `writes` and `lookups` hold what
follows from each kind of request, `unanswered` what follows when no answer comes; each ends
in a `Decision`, which the ledger writes as it stands.
"""

from dataclasses import replace

from worker.domain.checks import after_check
from worker.domain.choices import Circumstances, Decision, same_step
from worker.domain.jobs import Effect, Job, Policy, Step, WaitingFor
from worker.domain.lookups import after_lookup
from worker.domain.outcomes import Answer, Outcome
from worker.domain.records import error_of
from worker.domain.unanswered import expired, lease_lost
from worker.domain.waits import backoff
from worker.domain.writes import after_write

__all__ = ["Circumstances", "Decision", "backoff", "decide", "expired", "lease_lost"]

# This request was not applied, and that it was not costs nothing: why the job waits.
FREE = {
    Outcome.THROTTLED: WaitingFor.THROTTLE,
    Outcome.DENIED: WaitingFor.CREDENTIALS,
    Outcome.CLOCK_EXPIRED: WaitingFor.TURN,
}


def decide(job: Job, answer: Answer, at: Circumstances, policy: Policy) -> Decision:
    """The next state of a job whose `job.step` was answered by `answer`.

    `job.effect` is what the requests before this one left behind.
    """
    if answer.outcome in FREE:
        decision = _free(job, answer, at)
    elif job.step is Step.APPLY:
        decision = after_write(job, answer, at, policy)
    elif job.step is Step.CHECK:
        decision = after_check(job, answer, at, policy)
    else:
        decision = after_lookup(job, answer, at, policy)
    return _checked_again(job, decision)


def _checked_again(job: Job, decision: Decision) -> Decision:
    """A sweep's cancel that is to be sent again begins with its check: the order may have been
    authorized meanwhile, and a lookup counts for one claim only.
    """
    first = job.request.first_step
    if decision.step is not Step.APPLY or first is Step.APPLY or not decision.parks:
        return decision
    if decision.effect is Effect.POSSIBLE:
        return decision  # no lookup is possible: only a repeat tells
    return replace(decision, step=first, retry_in=None)


def _free(job: Job, answer: Answer, at: Circumstances) -> Decision:
    retry_in = {
        Outcome.THROTTLED: at.token_in if answer.retry_after is None else answer.retry_after,
        Outcome.CLOCK_EXPIRED: 0.0,  # the clock is corrected: signed anew, it is another request
    }
    return same_step(
        job,
        at.now,
        waiting_for=FREE[answer.outcome],
        retry_in=retry_in.get(answer.outcome),
        # The refusal that a lookup looks into stays the job's error.
        error=None if job.step.is_lookup else error_of(str(answer.outcome), answer),
        why=answer.code or str(answer.outcome),
    )

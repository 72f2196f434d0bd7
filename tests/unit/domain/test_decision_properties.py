"""What holds of every decision, whatever the job, the answer and the circumstances."""

import json
import math
from dataclasses import replace

from domain_values import ANSWERS, NOW, POLICY, a_job
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.decisions import Circumstances, Decision, backoff, decide, expired, lease_lost
from worker.domain.jobs import Effect, Job, State, Step, Task
from worker.domain.outcomes import Basis, OrderView, Outcome, Standing
from worker.domain.states import check

# The effects that a job may have had before a request of a step.
BEFORE = [
    (Step.APPLY, Effect.NONE),
    (Step.APPLY, Effect.POSSIBLE),
    (Step.DOUBT, Effect.NONE),
    (Step.DOUBT, Effect.POSSIBLE),
    (Step.REFUSAL, Effect.NONE),
    (Step.REFUSAL, Effect.POSSIBLE),
    (Step.DETAILS, Effect.NONE),
    (Step.DETAILS, Effect.APPLIED),
]
moments = st.floats(NOW - 1e7, NOW + 1e7)
texts = st.none() | st.text(max_size=5)
errors = st.none() | st.fixed_dictionaries({"kind": st.text(max_size=5), "code": texts})


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    step, effect = draw(st.sampled_from(BEFORE))
    return replace(
        a_job(step, effect, draw(st.sampled_from(Task))),
        sends=draw(st.integers(0, 20)),
        costs=draw(st.integers(0, 20)),
        backoffs=draw(st.integers(0, 5000)),
        lost_leases=draw(st.integers(0, 6)),
        doubt_since=draw(st.none() | moments),
        not_applied_at=draw(st.none() | moments),
        sent_at=draw(st.none() | moments),
        receipt=draw(st.none() | st.just({"basis": "own"})),
        error=draw(errors),
    )


orders = st.builds(
    OrderView,
    order_id=st.just("S01-1"),
    state=st.sampled_from(["Draft", "Open", "canceled"]),
    standing=st.sampled_from(Standing),
    basis=st.sampled_from(Basis),
    details=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    advice=texts,
)
answers = st.builds(
    replace,
    st.sampled_from(list(ANSWERS.values())),
    status=st.none() | st.integers(200, 599),
    order=st.none() | orders,
    retry_after=st.none() | st.floats(0, 3600),
    outage=st.booleans(),
)
circumstances = st.builds(
    Circumstances,
    now=moments,
    can_look_up=st.booleans(),
    token_in=st.floats(0, 60),
    probe=st.booleans(),
    jitter=st.floats(0, 1),
)


def holds_of(decision: Decision, job: Job) -> None:
    check(job.state, decision.state)
    assert (decision.state is State.IN_DOUBT) <= (decision.effect is Effect.POSSIBLE)
    assert (decision.state is State.WAITING) <= (decision.effect is not Effect.POSSIBLE)
    assert (decision.effect is Effect.APPLIED) <= (
        decision.state is State.SUCCEEDED or decision.step is Step.DETAILS
    )
    assert (decision.state is State.IN_DOUBT) == (decision.doubt_since is not None)
    assert decision.cost in {0, 1}
    assert decision.why
    assert json.loads(json.dumps([decision.receipt, decision.error])) == [
        decision.receipt,
        decision.error,
    ]
    if decision.is_final:
        assert (decision.receipt is not None) == (decision.state is State.SUCCEEDED)
        assert (decision.error is not None) == (decision.state is not State.SUCCEEDED)
        assert (decision.waiting_for, decision.retry_in, decision.due_in) == (None, None, 0)
    else:
        assert decision.waiting_for is not None
        longest = POLICY.call_timeout + max(600.0, POLICY.doubt_wait)
        assert 0 <= decision.due_in <= longest
        assert decision.retry_in is None or 0 <= decision.retry_in <= 3600


def is_no_failure_of_what_was_applied(decision: Decision, job: Job) -> None:
    if job.effect is Effect.APPLIED:
        assert decision.state in {State.WAITING, State.SUCCEEDED, State.REJECTED}
        # Taken for unconfirmed only after a lookup saw it so.
        seen = job.not_applied_at is not None
        assert decision.state is not State.REJECTED or seen


@given(jobs(), answers, circumstances)
def test_every_decision_on_an_answer_is_one_that_the_ledger_can_write(job, answer, at):
    decision = decide(job, answer, at, POLICY)
    holds_of(decision, job)
    is_no_failure_of_what_was_applied(decision, job)


@given(jobs(), answers, circumstances)
def test_what_may_have_been_applied_is_sent_again_only_where_no_lookup_is_possible(job, answer, at):
    decision = decide(job, answer, at, POLICY)
    doubted = decision.effect is Effect.POSSIBLE and answer.outcome is Outcome.UNKNOWN
    if doubted and job.step is Step.APPLY and at.can_look_up:
        assert decision.step is Step.DOUBT
        assert decision.retry_in is None


@given(jobs(), answers, circumstances)
def test_a_doubt_ends_only_by_an_answer_that_tells_or_as_unknown(job, answer, at):
    decision = decide(job, answer, at, POLICY)
    if job.effect is Effect.POSSIBLE and decision.effect is not Effect.POSSIBLE:
        told = answer.outcome is Outcome.APPLIED
        inferred = answer.outcome is Outcome.STATE_REFUSED and not at.can_look_up
        assert told or inferred


@given(jobs(), moments, st.booleans())
def test_every_decision_on_a_lost_worker_is_one_that_the_ledger_can_write(job, now, can_look_up):
    decision = lease_lost(job, now, POLICY, can_look_up=can_look_up)
    holds_of(decision, job)
    is_no_failure_of_what_was_applied(decision, job)


@given(jobs())
def test_every_decision_on_a_deadline_is_one_that_the_ledger_can_write(job):
    state = State.IN_DOUBT if job.effect is Effect.POSSIBLE else State.WAITING
    job = replace(job, state=state)
    decision = expired(job)
    assert decision.is_final
    holds_of(decision, job)
    is_no_failure_of_what_was_applied(decision, job)


@given(st.floats(0.1, 10), st.floats(10, 1000), st.integers(0, 100_000), st.floats(0, 1, width=32))
def test_a_backoff_is_drawn_from_the_upper_half_of_its_wait(first, longest, waits, jitter):
    full = backoff((first, longest), waits, 1.0)
    drawn = backoff((first, longest), waits, jitter)
    assert full == min(longest, first * 2.0 ** min(waits, 30))
    assert full / 2 <= drawn <= full
    assert math.isclose(backoff((first, longest), waits, 0.0), full / 2)

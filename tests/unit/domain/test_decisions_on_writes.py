"""What follows from the answer to a write, where the table alone does not say it."""

from dataclasses import replace

import pytest
from domain_values import (
    APPLIED,
    COME_LATER,
    DENIED,
    NO_ANSWER,
    NOW,
    POLICY,
    REFUSED,
    REJECTED,
    STATE_REFUSED,
    THROTTLED,
    UNCLEAR,
    a_job,
    at,
)

from worker.domain.decisions import decide
from worker.domain.jobs import Effect, State, Step, Task, WaitingFor
from worker.domain.outcomes import Answer, Outcome

LAST_ATTEMPT = POLICY.max_attempts - 1


def test_a_throttle_and_a_denial_cost_no_attempt_however_often_they_come():
    job = a_job(costs=LAST_ATTEMPT, backoffs=3)
    for answer in (THROTTLED, DENIED):
        decision = decide(job, answer, at(), POLICY)
        assert (decision.state, decision.cost, decision.backoffs) == (State.WAITING, 0, 3)
        assert decision.due_in == 0  # the bucket says when


def test_a_throttled_request_is_tried_again_when_its_bucket_has_a_token():
    assert decide(a_job(), THROTTLED, at(token_in=0.05), POLICY).retry_in == 0.05


def test_a_throttled_request_waits_as_long_as_the_provider_names():
    answer = replace(THROTTLED, retry_after=7.0)
    assert decide(a_job(), answer, at(token_in=0.05), POLICY).retry_in == 7.0


def test_a_denied_request_is_not_tried_again_in_place():
    assert decide(a_job(), DENIED, at(), POLICY).retry_in is None


@pytest.mark.parametrize(("jitter", "shortest"), [(0.0, 0.5), (1.0, 1.0)])
def test_refused_writes_wait_in_place_then_parked_from_five_seconds_to_ten_minutes(
    jitter, shortest
):
    policy = replace(POLICY, max_attempts=10**6)
    job, in_place, parked = a_job(), [], []
    for _ in range(2000):
        decision = decide(job, REFUSED, at(jitter=jitter), policy)
        in_place.append(decision.retry_in / shortest)
        parked.append(decision.due_in / shortest)
        job = replace(job, backoffs=decision.backoffs, costs=job.costs + decision.cost)
    assert in_place[:5] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert sum(in_place[:3]) <= policy.patience
    assert parked[:6] == [5.0, 5.0, 5.0, 5.0, 10.0, 20.0]
    assert max(parked) == parked[-1] == 600.0
    assert job.costs == 2000


def test_a_refused_probe_costs_nothing_and_leaves_the_wait_to_its_bucket():
    job = a_job(costs=LAST_ATTEMPT, backoffs=4)
    decision = decide(job, REFUSED, at(probe=True), POLICY)
    assert (decision.state, decision.cost, decision.backoffs) == (State.WAITING, 0, 4)
    assert (decision.due_in, decision.retry_in) == (0, None)


def test_a_probe_that_is_asked_to_come_later_waits_itself_since_its_bucket_stays_open():
    decision = decide(a_job(), COME_LATER, at(probe=True), POLICY)
    assert decision.cost == 0
    assert decision.due_in == 5.0


def test_an_unanswered_probe_costs_nothing_but_is_a_doubt():
    decision = decide(a_job(costs=LAST_ATTEMPT), NO_ANSWER, at(probe=True), POLICY)
    assert (decision.state, decision.cost) == (State.IN_DOUBT, 0)


def test_the_last_attempt_refused_fails_the_job_with_what_the_provider_said():
    decision = decide(a_job(costs=LAST_ATTEMPT), COME_LATER, at(), POLICY)
    assert (decision.state, decision.effect, decision.cost) == (State.FAILED, Effect.NONE, 1)
    assert decision.error["kind"] == "attempts_exhausted"
    assert decision.error["code"] == "E119"
    assert decision.error["advice"]


def test_the_last_attempt_refused_while_an_earlier_one_is_in_doubt_leaves_the_outcome_unknown():
    job = a_job(effect=Effect.POSSIBLE, costs=LAST_ATTEMPT)
    decision = decide(job, REFUSED, at(can_look_up=False), POLICY)
    assert (decision.state, decision.effect) == (State.FAILED, Effect.POSSIBLE)
    assert decision.error["kind"] == "outcome_unknown"


def test_the_last_attempt_unanswered_is_still_looked_up():
    decision = decide(a_job(costs=LAST_ATTEMPT), NO_ANSWER, at(), POLICY)
    assert (decision.state, decision.step, decision.cost) == (State.IN_DOUBT, Step.DOUBT, 1)


def test_without_an_answer_the_lookup_waits_until_the_request_can_no_longer_arrive():
    job = a_job(sent_at=NOW - 3)
    assert decide(job, NO_ANSWER, at(), POLICY).due_in == 7.0  # call_timeout is 10 s


def test_after_an_unclear_answer_the_lookup_comes_at_once():
    assert decide(a_job(sent_at=NOW - 3), UNCLEAR, at(), POLICY).due_in == 0


@pytest.mark.parametrize("sent_at", [None, NOW + 3600])
def test_a_request_sent_by_a_clock_that_is_ahead_is_waited_for_no_longer_than_a_call(sent_at):
    assert decide(a_job(sent_at=sent_at), NO_ANSWER, at(), POLICY).due_in == POLICY.call_timeout


def test_a_doubt_keeps_its_beginning():
    first = decide(a_job(), NO_ANSWER, at(), POLICY)
    again = a_job(effect=Effect.POSSIBLE, doubt_since=NOW - 500)
    assert first.doubt_since == NOW
    for answer in (NO_ANSWER, REFUSED, THROTTLED, DENIED, STATE_REFUSED, REJECTED):
        assert decide(again, answer, at(), POLICY).doubt_since == NOW - 500


def test_without_a_lookup_an_unanswered_request_is_sent_again_after_the_call_and_a_backoff():
    job = a_job(task=Task.CANCEL, sent_at=NOW - 4)
    decision = decide(job, NO_ANSWER, at(can_look_up=False), POLICY)
    assert (decision.state, decision.step) == (State.IN_DOUBT, Step.APPLY)
    assert (decision.due_in, decision.retry_in) == (6.0 + 5.0, None)


def test_without_a_lookup_the_last_unanswered_attempt_leaves_the_outcome_unknown():
    job = a_job(task=Task.CANCEL, effect=Effect.POSSIBLE, costs=LAST_ATTEMPT)
    decision = decide(job, UNCLEAR, at(can_look_up=False), POLICY)
    assert (decision.state, decision.effect, decision.cost) == (State.FAILED, Effect.POSSIBLE, 1)
    assert decision.error["kind"] == "outcome_unknown"
    assert decision.error["code"] == "InternalServerError"


def test_a_repeat_of_an_unanswered_request_that_the_state_refuses_succeeds_by_inference():
    job = a_job(task=Task.CANCEL, effect=Effect.POSSIBLE)
    decision = decide(job, STATE_REFUSED, at(can_look_up=False), POLICY)
    assert decision.state is State.SUCCEEDED
    assert (decision.receipt["basis"], decision.receipt["already"]) == ("inferred", True)
    assert "without its parent_order_id the item cannot be read back" in decision.receipt["why"]
    assert "refused the repeat for the item's state" in decision.receipt["why"]


def test_a_repeat_of_an_unanswered_request_that_is_applied_says_that_it_was_one():
    job = a_job(task=Task.CANCEL, effect=Effect.POSSIBLE, sends=2)
    decision = decide(job, APPLIED, at(can_look_up=False), POLICY)
    assert (decision.state, decision.receipt["basis"]) == (State.SUCCEEDED, "own")
    assert decision.receipt["why"].endswith("and the provider has applied the repeat")


@pytest.mark.parametrize("sends", [1, 2])
def test_a_state_refusal_is_no_success_while_every_earlier_request_is_known_not_applied(sends):
    job = a_job(task=Task.CANCEL, sends=sends)  # the first of two was throttled
    decision = decide(job, STATE_REFUSED, at(can_look_up=False), POLICY)
    assert (decision.state, decision.error["code"]) == (State.REJECTED, "E028")


def test_a_rejected_repeat_says_nothing_of_the_request_before_it():
    job = a_job(task=Task.CANCEL, effect=Effect.POSSIBLE)
    decision = decide(job, REJECTED, at(can_look_up=False), POLICY)
    assert (decision.state, decision.step) == (State.FAILED, Step.DOUBT)
    assert decision.error["kind"] == "outcome_unknown"
    assert decision.error["code"] == "ConstraintsExist"


def test_a_rejection_carries_the_providers_code_and_what_to_do():
    error = decide(a_job(), REJECTED, at(), POLICY).error
    assert (error["kind"], error["code"], error["status"]) == ("rejected", "ConstraintsExist", 400)
    assert error["advice"] == "Set the order total."


def test_a_cancel_that_was_applied_has_no_details_to_look_up():
    decision = decide(a_job(task=Task.CANCEL), APPLIED, at(), POLICY)
    assert (decision.state, decision.step) == (State.SUCCEEDED, Step.APPLY)
    assert decision.receipt == {
        "task": "cancel",
        "seller": "acme",
        "order_id": "S01-1",
        "basis": "own",
        "already": False,
        "why": None,
        "request_id": "r-1",
        "order_state": None,
        "details": None,
    }


def test_a_confirm_is_not_looked_up_where_the_configuration_says_so():
    policy = replace(POLICY, lookup_after_confirm=False)
    assert decide(a_job(), APPLIED, at(), policy).state is State.SUCCEEDED


def test_a_corrected_clock_signs_again_at_once():
    answer = Answer(Outcome.CLOCK_EXPIRED, status=400, clock_offset=-400.0)
    decision = decide(a_job(), answer, at(), POLICY)
    assert (decision.retry_in, decision.waiting_for) == (0.0, WaitingFor.TURN)

"""What follows when no answer comes: a lost worker, a deadline."""

import pytest
from domain_values import NOW, POLICY, a_job

from worker.domain.decisions import expired, lease_lost
from worker.domain.jobs import Effect, State, Step, WaitingFor

RECEIPT = {"basis": "own"}
LAST_LEASE = 4  # the coming loss is the fifth


def lost(job, *, can_look_up=True):
    return lease_lost(job, NOW, POLICY, can_look_up=can_look_up)


def test_a_lost_write_is_looked_up_when_it_can_no_longer_arrive():
    decision = lost(a_job(effect=Effect.POSSIBLE, sent_at=NOW - 4, doubt_since=None))
    assert (decision.state, decision.step) == (State.IN_DOUBT, Step.DOUBT)
    assert (decision.due_in, decision.cost, decision.doubt_since) == (6.0, 1, NOW)


def test_a_lost_write_that_cannot_be_looked_up_is_sent_again():
    job = a_job(effect=Effect.POSSIBLE, sent_at=NOW - 15)
    decision = lost(job, can_look_up=False)
    assert (decision.state, decision.step, decision.due_in) == (State.IN_DOUBT, Step.APPLY, 5.0)


def test_a_worker_lost_between_two_requests_leaves_no_doubt():
    decision = lost(a_job(effect=Effect.NONE, error={"kind": "refused", "code": "E119"}))
    assert (decision.state, decision.step, decision.cost) == (State.WAITING, Step.APPLY, 0)
    assert decision.error == {"kind": "refused", "code": "E119"}


@pytest.mark.parametrize("effect", [Effect.NONE, Effect.POSSIBLE])
def test_a_lost_lookup_changed_nothing_and_is_repeated(effect):
    decision = lost(a_job(Step.DOUBT, effect, not_applied_at=NOW - 20))
    assert (decision.effect, decision.step) == (effect, Step.DOUBT)
    assert (decision.waiting_for, decision.due_in, decision.cost) == (WaitingFor.LOOKUP, 0, 0)
    assert decision.not_applied_at == NOW - 20


def test_a_lost_lookup_of_details_keeps_the_receipt():
    decision = lost(a_job(Step.DETAILS, Effect.APPLIED, receipt=RECEIPT))
    assert (decision.state, decision.receipt) == (State.WAITING, RECEIPT)


def test_the_fifth_lost_lease_fails_a_job_without_effect():
    assert lost(a_job(lost_leases=LAST_LEASE - 1)).state is State.WAITING
    decision = lost(a_job(lost_leases=LAST_LEASE))
    assert (decision.state, decision.effect) == (State.FAILED, Effect.NONE)
    assert decision.error["kind"] == "worker_lost"


def test_the_fifth_lost_lease_leaves_a_doubt_unknown():
    decision = lost(a_job(effect=Effect.POSSIBLE, lost_leases=LAST_LEASE))
    assert (decision.state, decision.effect) == (State.FAILED, Effect.POSSIBLE)
    assert (decision.step, decision.error["kind"]) == (Step.DOUBT, "outcome_unknown")


def test_the_fifth_lost_lease_never_fails_what_was_applied():
    job = a_job(Step.DETAILS, Effect.APPLIED, receipt=RECEIPT, lost_leases=LAST_LEASE)
    decision = lost(job)
    assert (decision.state, decision.receipt) == (State.SUCCEEDED, RECEIPT)


def test_a_job_without_effect_expires_with_the_last_that_the_provider_said():
    error = {"kind": "denied", "code": "InvalidAccessKeyId", "advice": "Compare the keys."}
    decision = expired(a_job(error=error))
    assert (decision.state, decision.effect) == (State.FAILED, Effect.NONE)
    assert decision.error == error | {"kind": "expired"}


def test_a_job_that_was_never_sent_expires_with_a_sentence():
    error = expired(a_job()).error
    assert (error["kind"], error["message"]) == ("expired", "the time for it ran out")
    assert error["advice"]


def test_a_doubt_expires_as_an_unknown_outcome_with_the_answer_that_left_it():
    error = {"kind": "unknown", "code": "E006", "request_id": "r-7"}
    decision = expired(a_job(Step.DOUBT, Effect.POSSIBLE, error=error))
    assert (decision.state, decision.effect, decision.step) == (
        State.FAILED,
        Effect.POSSIBLE,
        Step.DOUBT,
    )
    assert decision.error["kind"] == "outcome_unknown"
    assert (decision.error["code"], decision.error["request_id"]) == ("E006", "r-7")


def test_what_was_applied_succeeds_at_its_deadline_without_the_details():
    decision = expired(a_job(Step.DETAILS, Effect.APPLIED, receipt=RECEIPT))
    assert (decision.state, decision.receipt) == (State.SUCCEEDED, RECEIPT)


def test_a_receipt_is_made_even_where_none_was_kept():
    assert expired(a_job(Step.DETAILS, Effect.APPLIED)).receipt["order_id"] == "S01-1"

"""What follows from the answer to a lookup, where the table alone does not say it."""

from dataclasses import replace

import pytest
from domain_values import (
    COME_LATER,
    DENIED,
    NOW,
    POLICY,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNCLEAR,
    a_job,
    at,
    read,
)

from worker.domain.decisions import decide
from worker.domain.jobs import Effect, State, Step, WaitingFor
from worker.domain.outcomes import Basis, Standing
from worker.domain.writes import after_write

DOUBT = a_job(Step.DOUBT, Effect.POSSIBLE)
KEPT = {"kind": "state_refused", "code": "E028", "message": "wrong state", "advice": None}
REFUSAL = a_job(Step.REFUSAL, error=KEPT)
DETAILS = a_job(Step.DETAILS, Effect.APPLIED, receipt={"basis": "own", "already": False})


def goes_on(job, decision):
    """The job at its next lookup."""
    return replace(
        job,
        step=decision.step,
        effect=decision.effect,
        backoffs=decision.backoffs,
        doubt_since=decision.doubt_since,
        not_applied_at=decision.not_applied_at,
        error=decision.error,
        receipt=decision.receipt,
    )


def test_applied_takes_one_lookup():
    answer = read(Standing.REACHED, "Open", details={"Buyer": {"Name": "Jane Doe"}})
    decision = decide(DOUBT, answer, at(), POLICY)
    assert decision.state is State.SUCCEEDED
    assert decision.receipt["order_state"] == "Open"
    assert decision.receipt["details"] == {"Buyer": {"Name": "Jane Doe"}}
    assert (decision.receipt["basis"], decision.receipt["already"]) == ("other", True)


def test_the_receipt_says_on_what_the_lookup_found_it_to_rest():
    answer = read(Standing.REACHED, "Open", basis=Basis.OWN)
    assert decide(DOUBT, answer, at(), POLICY).receipt["basis"] == "own"


def test_not_applied_takes_two_lookups_a_doubt_wait_apart_then_the_job_is_ready_at_once():
    first = decide(DOUBT, read(Standing.NOT_YET), at(), POLICY)
    assert (first.due_in, first.not_applied_at) == (POLICY.doubt_wait, NOW)
    job = goes_on(DOUBT, first)
    second = decide(job, read(Standing.NOT_YET), at(NOW + POLICY.doubt_wait), POLICY)
    assert (second.state, second.step, second.effect) == (State.WAITING, Step.APPLY, Effect.NONE)
    assert (second.due_in, second.backoffs) == (0, 0)
    assert (second.doubt_since, second.not_applied_at) == (None, None)


def test_a_second_lookup_that_comes_too_early_does_not_count():
    job = replace(DOUBT, not_applied_at=NOW - 9)
    decision = decide(job, read(Standing.NOT_YET), at(), POLICY)
    assert (decision.state, decision.due_in) == (State.IN_DOUBT, 1.0)
    assert decision.not_applied_at == NOW - 9


def test_a_first_lookup_by_a_clock_that_is_ahead_is_waited_for_no_longer_than_a_doubt():
    job = replace(DOUBT, not_applied_at=NOW + 3600)
    assert decide(job, read(Standing.NOT_YET), at(), POLICY).due_in == POLICY.doubt_wait


@pytest.mark.parametrize("answer", [REFUSED, UNCLEAR, THROTTLED, DENIED, REJECTED])
def test_a_lookup_that_told_nothing_keeps_what_the_first_one_told(answer):
    job = replace(DOUBT, not_applied_at=NOW - 5, error=KEPT)
    decision = decide(job, answer, at(), POLICY)
    assert (decision.not_applied_at, decision.doubt_since) == (NOW - 5, DOUBT.doubt_since)
    assert (decision.error, decision.cost) == (KEPT, 0)


def test_what_was_not_applied_is_not_sent_again_once_its_attempts_are_used_up():
    error = {"kind": "unknown", "code": "E006", "message": "no clear answer", "advice": None}
    job = replace(DOUBT, not_applied_at=NOW - 10, costs=POLICY.max_attempts, error=error)
    decision = decide(job, read(Standing.NOT_YET), at(), POLICY)
    assert (decision.state, decision.effect) == (State.FAILED, Effect.NONE)
    assert (decision.error["kind"], decision.error["code"]) == ("attempts_exhausted", "E006")


def test_lookups_that_tell_nothing_are_repeated_in_place_then_from_one_second_to_five_minutes():
    job, in_place, parked = DOUBT, [], []
    for _ in range(2000):
        decision = decide(job, REFUSED, at(), POLICY)
        in_place.append(decision.retry_in)
        parked.append(decision.due_in)
        job = goes_on(job, decision)
    assert in_place[:4] == [0.25, 0.5, 1.0, 2.0]
    assert parked[:6] == [1.0, 1.0, 1.0, 1.0, 2.0, 4.0]
    assert max(parked) == parked[-1] == 300.0


def test_a_lookup_that_failed_as_a_probe_leaves_the_wait_to_its_bucket():
    decision = decide(replace(DOUBT, backoffs=5), REFUSED, at(probe=True), POLICY)
    assert (decision.due_in, decision.retry_in, decision.backoffs) == (0, None, 5)
    asked_to_wait = decide(replace(DOUBT, backoffs=5), COME_LATER, at(probe=True), POLICY)
    assert asked_to_wait.due_in == 4.0


def test_a_doubt_that_no_lookup_can_settle_ends_at_its_limit_and_not_before():
    job = replace(DOUBT, doubt_since=NOW - POLICY.doubt_limit, error={"kind": "unknown", "code": 7})
    decision = decide(job, REFUSED, at(), POLICY)
    assert (decision.state, decision.effect) == (State.FAILED, Effect.POSSIBLE)
    assert (decision.error["kind"], decision.error["code"]) == ("outcome_unknown", 7)
    assert decision.error["advice"]
    assert decide(job, REFUSED, at(NOW - 1), POLICY).state is State.IN_DOUBT


def test_a_doubt_at_its_limit_still_believes_a_lookup_that_tells():
    job = replace(DOUBT, doubt_since=NOW - POLICY.doubt_limit)
    assert decide(job, read(Standing.REACHED), at(), POLICY).state is State.SUCCEEDED


def test_an_excluding_state_takes_one_lookup_and_says_what_to_do():
    answer = read(Standing.EXCLUDED, "Canceled", advice="The buyer has to check out again.")
    error = {"kind": "unknown", "code": None, "message": "no answer within 10 s"}
    decision = decide(replace(DOUBT, error=error), answer, at(), POLICY)
    assert decision.state is State.REJECTED
    assert decision.error["order_state"] == "Canceled"
    assert decision.error["advice"] == "The buyer has to check out again."
    assert decision.error["message"] == "the order is Canceled"  # not that of the lost answer


def test_an_order_that_is_not_there_leaves_a_doubt_unknown_and_says_who_has_to_look():
    answer = read(Standing.MISSING, "missing", advice="A person has to find the parent order.")
    decision = decide(DOUBT, answer, at(), POLICY)
    assert (decision.state, decision.step) == (State.FAILED, Step.DOUBT)
    assert decision.error["advice"] == "A person has to find the parent order."


def test_a_refused_state_that_is_the_wanted_one_succeeds_as_already():
    decision = decide(REFUSAL, read(Standing.REACHED, "Open"), at(), POLICY)
    assert (decision.state, decision.receipt["already"]) == (State.SUCCEEDED, True)


@pytest.mark.parametrize("standing", [Standing.NOT_YET, Standing.EXCLUDED, Standing.MISSING])
def test_any_other_refused_state_rejects_with_the_providers_code_and_advice(standing):
    answer = read(standing, "Closed", advice="Refund it.")
    decision = decide(REFUSAL, answer, at(), POLICY)
    assert decision.state is State.REJECTED
    assert decision.error == KEPT | {
        "kind": "rejected",
        "order_state": "Closed",
        "advice": "Refund it.",
    }


def test_a_repeat_refused_in_doubt_is_rejected_with_its_own_code_once_it_is_looked_up():
    job = a_job(effect=Effect.POSSIBLE)
    doubt = after_write(job, REJECTED, at(), POLICY)
    answer = read(Standing.EXCLUDED, "Canceled")
    decision = decide(goes_on(job, doubt), answer, at(), POLICY)
    assert (decision.state, decision.error["code"]) == (State.REJECTED, "ConstraintsExist")


def test_a_refusal_in_doubt_takes_two_lookups_like_any_doubt():
    job = replace(REFUSAL, effect=Effect.POSSIBLE, doubt_since=NOW)
    decision = decide(job, read(Standing.NOT_YET), at(), POLICY)
    assert (decision.state, decision.step) == (State.IN_DOUBT, Step.DOUBT)


# --- the details of a confirm that was applied -----------------------------------------------


def test_details_complete_the_receipt_of_our_own_call():
    answer = read(Standing.REACHED, "Open", details={"Buyer": "Jane Doe"})
    decision = decide(DETAILS, answer, at(), POLICY)
    assert decision.receipt == {
        "basis": "own",
        "already": False,
        "order_state": "Open",
        "details": {"Buyer": "Jane Doe"},
    }


def test_an_order_closed_since_its_confirm_was_confirmed_all_the_same():
    decision = decide(DETAILS, read(Standing.EXCLUDED, "Closed"), at(), POLICY)
    assert (decision.state, decision.receipt["order_state"]) == (State.SUCCEEDED, "Closed")


def test_a_lookup_that_lags_behind_the_confirm_is_repeated_soon():
    decision = decide(DETAILS, read(Standing.NOT_YET), at(), POLICY)
    assert (decision.state, decision.effect) == (State.WAITING, Effect.APPLIED)
    assert (decision.retry_in, decision.due_in) == (0.25, 1.0)
    assert decision.not_applied_at == NOW
    later = decide(goes_on(DETAILS, decision), read(Standing.REACHED), at(NOW + 1), POLICY)
    assert (later.state, later.receipt["basis"]) == (State.SUCCEEDED, "own")


def test_a_lagging_lookup_before_a_cancel_does_not_take_the_200_back():
    job = goes_on(DETAILS, decide(DETAILS, read(Standing.NOT_YET), at(), POLICY))
    decision = decide(job, read(Standing.EXCLUDED, "Canceled"), at(NOW + 1), POLICY)
    assert (decision.state, decision.receipt["order_state"]) == (State.SUCCEEDED, "Canceled")


def test_a_confirm_that_stays_unconfirmed_waits_for_the_buyer_from_ten_seconds_to_five_minutes():
    job = replace(DETAILS, not_applied_at=NOW - POLICY.doubt_wait, backoffs=6)
    waits = []
    for _ in range(50):
        decision = decide(job, read(Standing.NOT_YET), at(), POLICY)
        assert (decision.effect, decision.waiting_for) == (Effect.NONE, WaitingFor.BUYER)
        assert decision.retry_in is None
        waits.append(decision.due_in)
        job = goes_on(job, decision)
    assert waits[:6] == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0]
    assert waits[-1] == 300.0


def test_the_last_look_for_a_buyer_is_when_the_time_runs_out():
    job = a_job(Step.DETAILS, Effect.NONE, not_applied_at=NOW - 60, backoffs=9, give_up_at=NOW + 7)
    waits = decide(job, read(Standing.NOT_YET), at(), POLICY)
    assert (waits.waiting_for, waits.due_in) == (WaitingFor.BUYER, 7.0)
    ends = decide(job, read(Standing.NOT_YET), at(NOW + 7), POLICY)
    assert (ends.state, ends.effect, ends.error["kind"]) == (State.FAILED, Effect.NONE, "buyer")
    late = decide(job, read(Standing.REACHED, "Open"), at(NOW + 7), POLICY)
    assert late.state is State.SUCCEEDED


def test_a_buyer_who_authenticates_makes_our_confirm_succeed():
    waiting = replace(DETAILS, effect=Effect.NONE, not_applied_at=NOW - 60)
    decision = decide(waiting, read(Standing.REACHED, "Open"), at(), POLICY)
    assert (decision.state, decision.receipt["basis"]) == (State.SUCCEEDED, "own")


def test_a_buyer_who_does_not_leaves_an_order_that_was_never_confirmed():
    waiting = replace(DETAILS, effect=Effect.NONE, not_applied_at=NOW - 60)
    answer = read(Standing.EXCLUDED, "Canceled", advice="The buyer has to check out again.")
    decision = decide(waiting, answer, at(), POLICY)
    assert decision.state is State.REJECTED
    assert decision.error["advice"] == "The buyer has to check out again."


def test_an_order_that_was_open_since_was_confirmed_whoever_closed_it():
    waiting = replace(DETAILS, effect=Effect.NONE, not_applied_at=NOW - 60)
    answer = read(Standing.EXCLUDED, "Closed", was_open=True)
    assert decide(waiting, answer, at(), POLICY).state is State.SUCCEEDED


def test_details_that_are_refused_for_good_never_fail_what_was_applied():
    decision = decide(DETAILS, REJECTED, at(), POLICY)
    assert decision.state is State.SUCCEEDED
    assert decision.receipt == DETAILS.receipt


def test_a_refused_lookup_of_a_confirm_that_waits_for_the_buyer_proves_nothing():
    waiting = replace(DETAILS, effect=Effect.NONE, not_applied_at=NOW - 60)
    assert decide(waiting, REJECTED, at(), POLICY).state is State.WAITING

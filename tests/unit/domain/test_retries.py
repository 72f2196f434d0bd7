"""Which failures time may have healed, what the others need, and what a retry begins with."""

from dataclasses import replace

import pytest
from domain_values import NOW, POLICY, a_job, at

from worker.domain import remedies
from worker.domain.jobs import Effect, State, Step, Task, WaitingFor
from worker.domain.outcomes import Answer, Outcome
from worker.domain.records import as_kind, error_of
from worker.domain.remedies import REMEDIES, Helps, remedy_of, to_do
from worker.domain.retries import WHY_NOT, Schedule, retried, why_not, why_not_by_itself
from worker.domain.unanswered import expired

HOUR = 3600.0
SCHEDULE = Schedule(since=3 * HOUR, at_most=3)


def failed(kind="attempts_exhausted", **changes):
    error = {"kind": kind, "code": None, "message": "connection refused"}
    ended = {"state": State.FAILED, "finished_at": NOW - 60, "error": error}
    return a_job(**ended | changes)


@pytest.mark.parametrize(
    ("kind", "helps"),
    [
        ("attempts_exhausted", Helps.TIME),
        ("expired", Helps.TIME),
        ("outcome_unknown", Helps.PERSON),
        ("worker_lost", Helps.PERSON),
        ("credentials", Helps.PERSON),
        ("rejected", Helps.PERSON),
        ("state_refused", Helps.PERSON),
        ("bad_input", Helps.PERSON),
        ("buyer", Helps.BUYER),
        ("a kind of tomorrow", Helps.PERSON),
        (None, Helps.PERSON),
    ],
)
def test_who_or_what_helps(kind, helps):
    assert remedy_of(kind).helps is helps


def test_every_remedy_of_ours_says_in_a_sentence_what_to_do():
    for remedy in REMEDIES.values():
        assert remedy.to_do[0].isupper()
        assert remedy.to_do.endswith(".")


@pytest.mark.parametrize(
    ("error", "waiting_for", "words"),
    [
        ({"kind": "rejected", "advice": "Set the order total."}, None, "Set the order total."),
        ({"kind": "bad_input", "message": "reason: is int."}, None, "reason: is int."),
        ({"kind": "worker_lost"}, None, REMEDIES["worker_lost"].to_do),
        ({"kind": "denied", "advice": "Compare the keys."}, "credentials", "Compare the keys."),
        (None, "credentials", REMEDIES["credentials"].to_do),
        (None, "buyer", REMEDIES["buyer"].to_do),
        ({"kind": "rejected"}, None, "Look at what the provider said."),
    ],
)
def test_what_to_do_is_the_providers_advice_before_our_words(error, waiting_for, words):
    assert to_do(error, waiting_for) == words


def test_advice_of_ours_goes_with_its_kind_and_the_providers_stays():
    ours = error_of("buyer", Answer(Outcome.UNKNOWN))
    assert as_kind("outcome_unknown", ours)["advice"] == REMEDIES["outcome_unknown"].to_do
    theirs = error_of("refused", Answer(Outcome.REFUSED, advice="Call them."))
    assert as_kind("attempts_exhausted", theirs)["advice"] == "Call them."


@pytest.mark.parametrize("lacked", [WaitingFor.CREDENTIALS, WaitingFor.BUYER])
def test_what_expires_for_want_of_somebody_says_for_whom(lacked):
    decision = expired(a_job(state=State.WAITING, waiting_for=lacked))
    assert decision.error["kind"] == str(lacked)
    assert decision.error["advice"] == REMEDIES[str(lacked)].to_do
    assert decision.why == f"expired, waiting for {lacked}"


def test_what_expires_for_denied_keys_keeps_what_the_provider_said_of_them():
    error = {"kind": "denied", "code": "InvalidAccessKeyId", "advice": "Compare the keys."}
    job = a_job(state=State.WAITING, waiting_for=WaitingFor.CREDENTIALS, error=error)
    assert expired(job).error == error | {"kind": "credentials"}


def test_only_what_failed_can_be_retried():
    assert why_not(failed()) is None
    assert set(WHY_NOT) == set(State) - {State.FAILED}


def test_the_schedule_retries_what_time_may_have_healed():
    assert why_not_by_itself(failed(), SCHEDULE, NOW, 3 * HOUR) is None
    assert why_not_by_itself(failed("expired"), SCHEDULE, NOW, None) is None


@pytest.mark.parametrize("kind", [*REMEDIES, "rejected"])
def test_and_nothing_that_needs_somebody(kind):
    alone = why_not_by_itself(failed(kind), SCHEDULE, NOW, None) is not None
    assert alone == (remedies.remedy_of(kind).helps is not Helps.TIME)


@pytest.mark.parametrize(
    ("changes", "lifetime", "last"),
    [
        ({"accepted_at": NOW - 3 * HOUR}, 3 * HOUR, "accepted_at"),
        ({"expires_at": NOW}, None, "expires_at"),
        ({"finished_at": NOW - 3 * HOUR, "accepted_at": NOW - 9 * HOUR}, None, "finished_at"),
    ],
)
def test_each_limit_of_time_ends_at_its_second(changes, lifetime, last):
    job = failed(**changes)
    assert why_not_by_itself(job, SCHEDULE, NOW, lifetime) is not None
    in_time = replace(job, **{last: getattr(job, last) + 1})
    assert why_not_by_itself(in_time, SCHEDULE, NOW, lifetime) is None


def test_it_retries_no_job_more_often_than_it_may():
    assert why_not_by_itself(failed(retries=2), SCHEDULE, NOW, None) is None
    assert "3 times" in why_not_by_itself(failed(retries=3), SCHEDULE, NOW, None)


def test_without_an_effect_a_retry_sends_again_at_once():
    decision = retried(failed(), "asked for", at(), POLICY)
    assert (decision.state, decision.step, decision.effect) == (
        State.WAITING,
        Step.APPLY,
        Effect.NONE,
    )
    assert (decision.waiting_for, decision.due_in, decision.cost) == (WaitingFor.TURN, 0.0, 0)
    assert decision.why == "asked for; it had failed: attempts_exhausted, connection refused"


def test_with_a_possible_effect_it_looks_up_once_the_last_request_cannot_arrive_any_more():
    job = failed("outcome_unknown", effect=Effect.POSSIBLE, sent_at=NOW - 4)
    decision = retried(job, "", at(), POLICY)
    assert (decision.step, decision.waiting_for) == (Step.DOUBT, WaitingFor.LOOKUP)
    assert (decision.due_in, decision.doubt_since) == (6.0, NOW)
    assert decision.why.startswith("it had failed: outcome_unknown")


def test_where_nothing_can_be_looked_up_it_repeats_and_stays_in_doubt():
    job = failed("outcome_unknown", effect=Effect.POSSIBLE, task=Task.CANCEL, sent_at=NOW - 60)
    decision = retried(job, "", at(can_look_up=False), POLICY)
    assert (decision.step, decision.effect) == (Step.APPLY, Effect.POSSIBLE)
    assert decision.doubt_since == NOW

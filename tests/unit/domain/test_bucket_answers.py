"""What an answer teaches the bucket of its operation."""

from dataclasses import replace

import pytest
from domain_values import (
    APPLIED,
    COME_LATER,
    DENIED,
    NO_ANSWER,
    NOW,
    REFUSED,
    REJECTED,
    STATE_REFUSED,
    THROTTLED,
    UNCLEAR,
    a_bucket,
)

from worker.domain.bucket import Bucket, closed, tokens
from worker.domain.jobs import WaitingFor
from worker.domain.lessons import after
from worker.domain.outcomes import Answer, Outcome

RETRY = 300.0  # credentials_retry
UNAVAILABLE = Answer(Outcome.UNKNOWN, status=503, outage=True)


def learns(bucket: Bucket, answer: Answer, now: float, claimed_at: float | None = None) -> Bucket:
    return after(bucket, answer, now if claimed_at is None else claimed_at, now, RETRY)


def in_outage(now: float = NOW) -> Bucket:
    bucket = a_bucket(level=5.0)
    for _ in range(3):
        bucket = learns(bucket, REFUSED, now)
    return bucket


# --- outages -------------------------------------------------------------------------------------


def test_two_outages_in_a_row_are_none_and_the_third_closes_the_bucket():
    bucket = learns(learns(a_bucket(), REFUSED, NOW), NO_ANSWER, NOW)
    assert (bucket.closed_for, tokens(bucket, NOW, 0)) == (None, 1)
    bucket = learns(bucket, UNAVAILABLE, NOW)
    assert (bucket.closed_for, bucket.open_at) == (WaitingFor.BACKOFF, NOW + 0.5)


@pytest.mark.parametrize("answer", [APPLIED, THROTTLED, COME_LATER, UNCLEAR, REJECTED])
def test_any_other_answer_between_them_starts_the_count_anew(answer):
    bucket = learns(learns(a_bucket(), REFUSED, NOW), REFUSED, NOW)
    bucket = learns(learns(bucket, answer, NOW), REFUSED, NOW)
    assert (bucket.closed_for, bucket.outages) == (None, 1)


def test_failed_probes_double_the_pause_from_half_a_second_to_a_minute():
    bucket, now, pauses = in_outage(), NOW, [0.5]
    for _ in range(5000):
        now = bucket.open_at
        bucket = learns(bucket, REFUSED, now)
        pauses.append(bucket.open_at - now)
    assert pauses[:9] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses[-1] == 60


def test_an_outage_of_calls_from_before_the_closing_does_not_lengthen_it():
    bucket = in_outage()
    for late in range(7):
        assert learns(bucket, NO_ANSWER, NOW + 0.1 * late, claimed_at=NOW - 9) == bucket


def test_an_outage_of_calls_from_before_a_closing_does_not_close_what_has_reopened():
    bucket = learns(in_outage(), APPLIED, NOW + 1)
    for _ in range(7):
        bucket = learns(bucket, NO_ANSWER, NOW + 2, claimed_at=NOW - 9)
    assert bucket.closed_for is None


@pytest.mark.parametrize(
    "answer", [APPLIED, THROTTLED, COME_LATER, UNCLEAR, REJECTED, STATE_REFUSED]
)
@pytest.mark.parametrize("claimed_at", [NOW - 9, NOW + 1])
def test_any_other_answer_reopens_and_the_next_outage_starts_small(answer, claimed_at):
    bucket = replace(in_outage(), closings=6)
    bucket = learns(bucket, answer, NOW + 1, claimed_at)
    assert (bucket.closed_for, bucket.open_at, bucket.outages) == (None, 0, 0)
    for _ in range(3):
        bucket = learns(bucket, REFUSED, NOW + 2)
    assert bucket.open_at == NOW + 2.5


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.REFUSED, Outcome.UNKNOWN])
def test_what_never_met_the_provider_teaches_nothing(outcome):
    """A request that was not sent, or an answer that an error of ours lost."""
    unheard = Answer(outcome, message="not sent")
    denied = closed(a_bucket(), WaitingFor.CREDENTIALS, NOW, RETRY)
    for bucket in (a_bucket(outages=2), in_outage(), denied):
        assert learns(bucket, unheard, NOW + 1) == bucket


# --- throttles -----------------------------------------------------------------------------------


def test_a_throttle_empties_the_bucket_and_is_counted():
    bucket = learns(a_bucket(level=7.3), THROTTLED, NOW + 1)
    assert (bucket.level, bucket.throttles, bucket.throttled_at) == (0.0, 1, NOW + 1)
    assert bucket.closed_for is None


def test_a_throttle_gives_no_token_back_that_was_owed():
    assert learns(a_bucket(level=-0.5), THROTTLED, NOW).level == -0.5


def test_retry_after_pauses_the_bucket_and_then_it_is_open():
    answer = replace(THROTTLED, retry_after=20.0)
    bucket = learns(a_bucket(), answer, NOW)
    assert (bucket.closed_for, bucket.open_at) == (WaitingFor.THROTTLE, NOW + 20)
    bucket = replace(bucket, level=5.0)
    assert (tokens(bucket, NOW + 19, 0), tokens(bucket, NOW + 20, 3)) == (0, 5)


def test_an_answer_during_the_pause_does_not_end_it_and_one_after_it_clears_the_reason():
    bucket = learns(a_bucket(), replace(THROTTLED, retry_after=20.0), NOW)
    assert learns(bucket, APPLIED, NOW + 5).open_at == NOW + 20
    assert learns(bucket, APPLIED, NOW + 20).closed_for is None


def test_retry_after_leaves_a_bucket_that_is_closed_for_credentials_to_its_probe():
    bucket = closed(a_bucket(), WaitingFor.CREDENTIALS, NOW, RETRY)
    bucket = learns(bucket, replace(THROTTLED, retry_after=900.0), NOW + 1)
    assert (bucket.closed_for, bucket.open_at) == (WaitingFor.CREDENTIALS, NOW + 901)


def test_retry_after_of_anything_but_a_throttle_pauses_nothing():
    """Amazon sends the time of its hourly quota with every answer."""
    for answer in (APPLIED, REJECTED, UNAVAILABLE):
        assert learns(a_bucket(), replace(answer, retry_after=900.0), NOW).open_at == 0


# --- credentials ---------------------------------------------------------------------------------


def test_a_denial_closes_the_bucket_until_the_credentials_are_tried_again():
    bucket = learns(a_bucket(), DENIED, NOW)
    assert (bucket.closed_for, bucket.open_at) == (WaitingFor.CREDENTIALS, NOW + RETRY)


def test_a_denied_probe_closes_it_once_more():
    bucket = learns(learns(a_bucket(), DENIED, NOW), DENIED, NOW + 301)
    assert bucket.open_at == NOW + 301 + RETRY


def test_a_denial_of_a_call_from_before_the_closing_does_not_lengthen_it():
    bucket = learns(a_bucket(), DENIED, NOW)
    assert learns(bucket, DENIED, NOW + 8, claimed_at=NOW - 2) == bucket


@pytest.mark.parametrize("answer", [APPLIED, STATE_REFUSED, REJECTED])
def test_an_answer_that_was_read_with_our_credentials_reopens(answer):
    bucket = learns(learns(a_bucket(), DENIED, NOW), answer, NOW + 301)
    assert (bucket.closed_for, bucket.open_at) == (None, 0)


@pytest.mark.parametrize("answer", [THROTTLED, COME_LATER, UNCLEAR, REFUSED, NO_ANSWER])
def test_an_answer_that_does_not_show_that_they_were_read_does_not(answer):
    bucket = learns(learns(a_bucket(), DENIED, NOW), answer, NOW + 301)
    assert bucket.closed_for is WaitingFor.CREDENTIALS


def test_a_good_answer_to_a_call_from_before_the_denial_does_not_reopen():
    bucket = learns(a_bucket(), DENIED, NOW)
    assert learns(bucket, APPLIED, NOW + 1, claimed_at=NOW - 1) == bucket


def test_an_outage_while_denied_stays_a_denial_and_slows_its_probes():
    bucket = learns(a_bucket(), DENIED, NOW)
    for _ in range(3):
        bucket = learns(bucket, REFUSED, NOW + 400)
    assert (bucket.closed_for, bucket.open_at) == (WaitingFor.CREDENTIALS, NOW + 400.5)


def test_a_denial_during_an_outage_is_a_denial():
    bucket = learns(in_outage(), DENIED, NOW + 1)
    assert (bucket.closed_for, bucket.outages) == (WaitingFor.CREDENTIALS, 0)
    assert bucket.open_at == NOW + 1 + RETRY

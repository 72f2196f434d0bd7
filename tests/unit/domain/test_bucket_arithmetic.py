"""The token bucket on explicit numbers."""

from dataclasses import replace

import pytest
from domain_values import NOW, a_bucket, a_spec

from worker.domain.bucket import closed, full, refilled, resized, taken, tokens
from worker.domain.jobs import WaitingFor


def test_a_refill_keeps_fractions_of_a_token():
    bucket = a_bucket(rate=0.3, level=0.0)
    for second in range(1, 11):
        bucket = refilled(bucket, NOW + second, in_flight=0)
    assert bucket.level == pytest.approx(3.0)
    assert tokens(bucket, NOW + 10, 0) == 3


def test_a_clock_that_goes_back_credits_no_second_twice():
    bucket = refilled(a_bucket(level=0.0), NOW + 5, 0)
    back = refilled(bucket, NOW + 2, 0)
    assert (back.level, back.level_at) == (5.0, NOW + 5)
    assert refilled(back, NOW + 6, 0).level == 6.0


def test_a_refill_stops_at_the_capacity_less_the_calls_in_flight():
    bucket = a_bucket(level=4.0)
    assert refilled(bucket, NOW + 100, in_flight=0).level == 10.0
    assert refilled(bucket, NOW + 100, in_flight=3).level == 7.0
    assert refilled(bucket, NOW + 100, in_flight=20).level == 4.0


def test_a_level_above_what_calls_in_flight_allow_is_not_taken_away():
    assert refilled(a_bucket(level=9.0), NOW + 1, in_flight=5).level == 9.0


def test_time_that_passes_under_a_full_refill_is_not_credited_when_a_call_ends():
    bucket = refilled(a_bucket(level=9.0), NOW + 60, in_flight=1)
    assert refilled(bucket, NOW + 60.5, in_flight=0).level == 9.5


def test_a_margin_lowers_the_capacity_by_its_seconds_but_never_below_one_token():
    assert refilled(a_bucket(rate=2.0, margin=1.5), NOW + 100, 0).level == 7.0
    assert refilled(a_bucket(rate=2.0, margin=99.0), NOW + 100, 0).level == 1.0


def test_a_call_takes_one_token_and_is_the_latest_served():
    bucket = taken(a_bucket(level=2.5), NOW + 3)
    assert (bucket.level, bucket.served_at) == (1.5, NOW + 3)


def test_a_new_bucket_is_full_but_for_the_calls_that_were_made():
    assert full(a_spec(), NOW).level == 10.0
    assert full(a_spec(), NOW, spent=4).level == 6.0
    assert full(a_spec(), NOW, spent=40).level == 0.0
    assert full(a_spec(margin=2.0), NOW).level == 8.0


def test_another_rate_counts_only_from_when_it_was_configured():
    settled = refilled(a_bucket(level=0.0), NOW + 4, 0)
    faster = refilled(resized(settled, a_spec(rate=3.0)), NOW + 5, 0)
    assert faster.level == 4.0 + 3.0


def test_a_larger_capacity_is_filled_by_time_alone():
    larger = resized(a_bucket(level=10.0), a_spec(capacity=20.0))
    assert (larger.level, larger.capacity) == (10.0, 20.0)


def test_a_smaller_capacity_keeps_the_calls_spent_that_were_let_go():
    assert resized(a_bucket(level=10.0), a_spec(capacity=4.0)).level == 4.0
    assert resized(a_bucket(level=7.0), a_spec(capacity=4.0)).level == 1.0  # three were let go
    assert resized(a_bucket(level=2.0), a_spec(capacity=4.0)).level == 0.0
    assert resized(a_bucket(level=-0.5), a_spec(capacity=4.0)).level == -0.5


def test_a_configured_bucket_follows_all_numbers_of_its_configuration():
    new = resized(a_bucket(), replace(a_spec(8.0, 2.0, 0.5), source="configured"))
    assert (new.capacity, new.rate, new.margin, new.source) == (8.0, 2.0, 0.5, "configured")


def test_a_token_short_by_a_rounding_error_is_a_token():
    assert tokens(a_bucket(level=1 - 1e-12), NOW, 0) == 1
    assert tokens(a_bucket(level=1 - 1e-6), NOW, 0) == 0
    assert tokens(a_bucket(level=-0.5), NOW, 0) == 0


def test_a_closed_bucket_has_no_token_until_it_opens():
    bucket = closed(a_bucket(level=5.0), WaitingFor.THROTTLE, NOW, 30)
    assert tokens(bucket, NOW + 29, 0) == 0
    assert tokens(bucket, NOW + 30, 0) == 5


@pytest.mark.parametrize("why", [WaitingFor.BACKOFF, WaitingFor.CREDENTIALS])
def test_a_bucket_closed_until_an_answer_is_good_lets_one_probe_go_at_a_time(why):
    bucket = closed(a_bucket(level=5.0), why, NOW, 30)
    assert tokens(bucket, NOW + 29, 0) == 0
    assert tokens(bucket, NOW + 30, 0) == 1
    assert tokens(bucket, NOW + 30, in_flight=1) == 0
    assert tokens(replace(bucket, level=0.5), NOW + 30, 0) == 0


def test_a_closing_never_opens_earlier_than_one_before_it():
    bucket = closed(a_bucket(), WaitingFor.CREDENTIALS, NOW, 300)
    assert closed(bucket, WaitingFor.BACKOFF, NOW + 1, 0.5).open_at == NOW + 300

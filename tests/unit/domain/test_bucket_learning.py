"""What throttles in spite of a token teach: how much is free, and the way back."""

from dataclasses import replace

import pytest
from domain_values import APPLIED, NOW, THROTTLED, a_bucket, a_spec

from worker.domain.bucket import following, refilled, resized
from worker.domain.learning import GROWTH, recovered
from worker.domain.lessons import after


def answered(bucket, answer, now, claimed_at=None):
    """The bucket after an answer, refilled and with the pace of its time, as under its lock."""
    bucket = recovered(refilled(bucket, now, 1))
    return after(bucket, answer, now - 0.1 if claimed_at is None else claimed_at, now, 300.0)


def throttled_after(accepted, seconds, bucket=None):
    """Throttled, so many calls taken, and throttled again after so many seconds."""
    bucket = answered(bucket or a_bucket(), THROTTLED, NOW)
    for call in range(accepted):
        bucket = answered(bucket, APPLIED, NOW + (call + 0.5) * seconds / (accepted + 1))
    return answered(bucket, THROTTLED, NOW + seconds)


def test_the_first_throttle_only_begins_to_measure():
    bucket = answered(a_bucket(), THROTTLED, NOW)
    assert (bucket.pace, bucket.learned_rate, bucket.accepted_since) == (1.0, None, NOW)


def test_the_second_lowers_the_rate_to_the_most_that_can_have_been_free():
    bucket = throttled_after(accepted=17, seconds=20.0)
    assert bucket.pace == bucket.learned_rate == pytest.approx(18 / 20)
    assert (bucket.learned_at, bucket.learned_from) == (NOW + 20, "503 RequestThrottled")


def test_one_throttle_takes_no_more_than_three_tenths():
    assert throttled_after(accepted=0, seconds=5.0).pace == pytest.approx(0.7)


def test_what_was_let_go_before_the_emptying_shows_nothing_new():
    bucket = answered(a_bucket(), THROTTLED, NOW)
    late = answered(bucket, THROTTLED, NOW + 5.0, claimed_at=NOW - 0.01)
    assert (late.pace, late.throttles) == (1.0, 2)


def test_what_is_refilled_comes_at_the_learned_pace():
    bucket = throttled_after(accepted=9, seconds=20.0)
    assert bucket.pace == pytest.approx(0.7)
    assert refilled(bucket, NOW + 30.0, 0).level == pytest.approx(7.0)


def test_the_way_back_is_slow_at_first_and_done_in_two_minutes():
    bucket = throttled_after(accepted=9, seconds=20.0)
    paces = [recovered(replace(bucket, level_at=NOW + 20 + s)).pace for s in (10, 30, 60, GROWTH)]
    assert paces == pytest.approx([0.7006, 0.7156, 0.825, 1.0], abs=1e-3)
    back = recovered(replace(bucket, level_at=NOW + 20 + GROWTH))
    assert (back.learned_rate, back.slowed_to) == (None, None)


def test_a_bucket_that_stood_full_has_measured_nothing():
    bucket = answered(a_bucket(), THROTTLED, NOW)
    idle = refilled(bucket, NOW + 60.0, 0)
    assert idle.accepted_since is None
    assert answered(idle, THROTTLED, NOW + 61.0).pace == 1.0


def test_older_calls_count_for_less_than_those_of_the_last_minute():
    bucket = throttled_after(accepted=119, seconds=120.0)
    assert bucket.accepted == pytest.approx(119 / 2)
    assert bucket.accepted_since == pytest.approx(NOW + 60)


def test_an_hourly_quota_that_is_used_up_teaches_nothing_of_the_bucket():
    """QuotaExceeded is about the hour; what the bucket restores in a second is another number."""
    hourly = replace(THROTTLED, code="QuotaExceeded", other_quota=True, retry_after=600.0)
    bucket = answered(answered(a_bucket(), THROTTLED, NOW), hourly, NOW + 5)
    assert (bucket.pace, bucket.open_at, bucket.level) == (1.0, NOW + 605, 0.0)


def test_a_stated_rate_is_believed_when_it_is_lower_and_kept_until_another_is_stated():
    bucket = answered(a_bucket(), replace(APPLIED, stated_rate=0.25), NOW)
    assert (bucket.pace, bucket.learned_from) == (0.25, "200, which states it")
    later = recovered(refilled(bucket, NOW + 10 * GROWTH, 0))
    assert answered(later, APPLIED, NOW + 2000).pace == 0.25
    assert answered(later, replace(APPLIED, stated_rate=5.0), NOW + 2000).pace == 1.0


def test_a_throttle_below_the_stated_rate_lowers_further():
    bucket = answered(a_bucket(), replace(APPLIED, stated_rate=0.5), NOW - 1)
    assert throttled_after(5, 15.0, bucket).pace == pytest.approx(0.4)


# --- whose numbers are in force -------------------------------------------------------------------


def test_the_numbers_that_were_read_last_are_in_force_whoever_comes_after_them():
    """Two processes notice a change seconds apart: the level is settled once, not at each call."""
    old, new = replace(a_spec(), read_at=NOW - 60), replace(a_spec(5, 2.0), read_at=NOW)
    bucket = following(a_bucket(level=10.0, read_at=NOW - 60), new)
    assert (bucket.capacity, bucket.rate, bucket.level) == (5, 2.0, 5.0)
    for spec in (old, new, old, new):
        bucket = following(bucket, spec)
    assert (bucket.capacity, bucket.rate, bucket.level) == (5, 2.0, 5.0)


def test_whoever_reads_the_same_numbers_later_still_defends_them_against_older_ones():
    first, other = replace(a_spec(), read_at=NOW), replace(a_spec(5), read_at=NOW + 1)
    bucket = following(a_bucket(source="assumed"), first)
    bucket = following(bucket, replace(first, read_at=NOW + 2))
    assert following(bucket, other).capacity == 10


def test_other_numbers_forget_what_was_learned_of_the_old_ones():
    bucket = throttled_after(accepted=9, seconds=20.0)
    assert resized(bucket, a_spec(20, 3.0)).pace == 3.0

"""When the next token comes: the dispatcher sleeps by it, so it neither spins nor oversleeps."""

import math
from dataclasses import replace

from domain_values import NOW, a_bucket
from hypothesis import example, given
from hypothesis import strategies as st

from worker.domain.bucket import Bucket, closed, next_token_at, refilled, tokens
from worker.domain.jobs import WaitingFor

A_LITTLE = 1e-5  # seconds; the clock itself is told to 2.4e-7
LONG = 1e7  # seconds; every bucket is full by then


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    """A bucket as it can be at a moment: any level up to its ceiling, open or closed."""
    capacity = draw(st.integers(1, 50) | st.floats(1, 50))
    rate = draw(st.floats(0.1, 50))
    margin = draw(st.sampled_from([0.0, 0.3, 5.0]))
    bucket = a_bucket(float(capacity), rate, margin=margin)
    level = draw(st.floats(-1, bucket.ceiling) | st.integers(-1, math.floor(bucket.ceiling)))
    return replace(
        bucket,
        level=float(level),
        level_at=NOW + draw(st.floats(0, 1000)),
        open_at=draw(st.just(0.0) | st.floats(NOW, NOW + 2000)),
        closed_for=draw(st.none() | st.sampled_from(WaitingFor)),
    )


def tokens_at(bucket: Bucket, moment: float, in_flight: int) -> int:
    return tokens(refilled(bucket, moment, in_flight), moment, in_flight)


@given(buckets(), st.integers(0, 60))
@example(a_bucket(rate=50.0, level=1 - 1e-7), 0)
@example(a_bucket(level=5.0, open_at=NOW + 0.25, closed_for=WaitingFor.THROTTLE), 0)
@example(a_bucket(level=5.0, open_at=NOW - 1, closed_for=WaitingFor.BACKOFF), 0)
@example(a_bucket(level=10.0, open_at=NOW - 1, closed_for=WaitingFor.CREDENTIALS), 1)
def test_tokens_grow_at_that_moment_and_not_before(bucket, in_flight):
    now = bucket.level_at
    present = tokens(bucket, now, in_flight)
    moment = next_token_at(bucket, in_flight)
    if moment == math.inf:
        assert tokens_at(bucket, now + LONG, in_flight) <= present
        return
    assert moment > now
    assert tokens_at(bucket, moment, in_flight) > present
    if moment - A_LITTLE > now:
        assert tokens_at(bucket, moment - A_LITTLE, in_flight) == present


def test_an_empty_bucket_has_its_next_token_after_one_over_the_rate():
    assert next_token_at(a_bucket(rate=4.0, level=0.0), 0) == NOW + 0.25


def test_a_paused_bucket_has_its_tokens_when_it_opens_not_when_the_next_one_falls_due():
    paused = closed(a_bucket(level=5.0), WaitingFor.THROTTLE, NOW, 0.25)
    assert next_token_at(paused, 0) == NOW + 0.25


def test_an_open_probe_that_nobody_has_taken_yet_promises_no_further_one():
    bucket = closed(a_bucket(level=5.0), WaitingFor.BACKOFF, NOW - 1, 0.5)
    assert tokens(bucket, NOW, 0) == 1
    assert next_token_at(bucket, 0) == math.inf


def test_while_calls_in_flight_hold_the_whole_capacity_only_an_ended_call_helps():
    assert next_token_at(a_bucket(level=0.0), in_flight=10) == math.inf
    assert next_token_at(a_bucket(level=0.0), in_flight=9) == NOW + 1

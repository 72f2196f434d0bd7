"""When a job's turn is expected, and on what that rests."""

from dataclasses import replace

import pytest
from domain_values import NOW, a_bucket, a_job

from worker.domain.bucket import closed, spendable
from worker.domain.expectation import Queue, expected, turn_at
from worker.domain.jobs import State, WaitingFor


def queue(ahead=0, **changes):
    kept = changes.pop("kept", 0)
    return Queue(a_bucket(**changes), NOW, ahead, kept=kept)


def waiting(**changes):
    return a_job(state=State.WAITING, **changes)


@pytest.mark.parametrize(
    ("level", "rate", "ahead", "kept", "seconds"),
    [
        (3.0, 1.0, 0, 0, 0.0),
        (3.0, 1.0, 2, 0, 0.0),
        (3.0, 1.0, 3, 0, 1.0),
        (0.25, 1.0, 0, 0, 0.75),
        (0.25, 0.5, 9, 0, 19.5),
        (3.0, 1.0, 0, 3, 1.0),
    ],
)
def test_a_turn_comes_when_all_before_it_have_had_their_tokens(level, rate, ahead, kept, seconds):
    assert turn_at(queue(ahead, level=level, rate=rate, kept=kept)) == NOW + seconds


def test_the_learned_pace_counts_and_not_the_nominal_rate():
    assert turn_at(queue(3, level=0.0, slowed_to=0.5)) == NOW + 8


def test_while_a_bucket_is_closed_it_fills_and_its_queue_goes_on_when_it_opens():
    bucket = closed(a_bucket(level=0.0), WaitingFor.BACKOFF, NOW, 30.0)
    assert turn_at(Queue(bucket, NOW, ahead=9)) == NOW + 30
    assert turn_at(Queue(bucket, NOW, ahead=12)) == NOW + 33


def test_what_is_not_due_is_not_expected_before():
    told = expected(waiting(due_at=NOW + 60), WaitingFor.BACKOFF, queue(3))
    assert told.at == NOW + 60
    assert told.basis.startswith("it is not due before; Confirm has 1.0 of 10 tokens, 1 a second")


@pytest.mark.parametrize(
    ("ahead", "about", "words"),
    [(0, False, "0 jobs rank"), (1, False, "1 job ranks"), (41000, True, "about 41000 jobs rank")],
)
def test_the_basis_says_what_stands_before_it(ahead, about, words):
    told = expected(waiting(), WaitingFor.QUOTA, replace(queue(ahead), about=about))
    assert told.basis == f"Confirm has 1.0 of 10 tokens, 1 a second; {words} before it"


@pytest.mark.parametrize("waits", [WaitingFor.ORDER, WaitingFor.CREDENTIALS])
def test_nobody_says_when_somebody_else_will_be_done(waits):
    told = expected(waiting(), waits, queue())
    assert told.at is None
    assert told.basis


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.FAILED])
def test_there_is_nothing_to_expect_of_what_runs_or_is_final(state):
    assert expected(a_job(state=state), None, queue()).basis is None


def test_the_last_tokens_are_kept_for_checkouts_and_never_all_of_a_bucket():
    bucket = a_bucket(capacity=10)
    assert [spendable(bucket, 5, priority, 3) for priority in (-1, 0, 10)] == [5, 5, 2]
    assert spendable(bucket, 2, 10, 3) == 0
    assert spendable(a_bucket(capacity=2), 2, 30, 5) == 1

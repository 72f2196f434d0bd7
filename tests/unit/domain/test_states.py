"""The life of a job as a table."""

import itertools

import pytest

from worker.domain.jobs import FINAL, State
from worker.domain.states import TRANSITIONS, check

LIFE = {
    None: "waiting rejected",  # accepted; or a foreign message with bad arguments
    "waiting": "waiting running succeeded rejected failed withdrawn",
    "running": "waiting in_doubt succeeded rejected failed withdrawn",
    "in_doubt": "running failed",
    "succeeded": "",
    "rejected": "",
    "failed": "waiting",  # retry
    "withdrawn": "",
}
ALLOWED = {(old, new) for old, all_new in LIFE.items() for new in all_new.split()}
EVERY_PAIR = set(itertools.product([None, *map(str, State)], map(str, State)))


def state(name):
    return State(name) if name else None


@pytest.mark.parametrize(("old", "new"), sorted(ALLOWED, key=str))
def test_a_job_may_go(old, new):
    check(state(old), State(new))


@pytest.mark.parametrize(("old", "new"), sorted(EVERY_PAIR - ALLOWED, key=str))
def test_a_job_cannot_go(old, new):
    with pytest.raises(AssertionError, match=f"Bug! .* {old or 'nothing'} to {new}"):
        check(state(old), State(new))


def test_of_the_final_states_only_failed_is_left_again():
    assert {old for old in FINAL if TRANSITIONS[old]} == {State.FAILED}

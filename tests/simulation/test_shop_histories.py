"""Ten thousand histories of a shop, in which no sweep cancels an order that has an authorization.

What that means, since nobody can exclude what happens while a cancel is on its way, is said in
`witness`; what else has to be so is in `truths`, and what may happen in `histories`. The seeds are
the same on every run, and each is played by one process; HYPOTHESIS_PROFILE=explore draws others.
"""

import os
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.simulation.playing import play

HISTORIES = 1000  # of a seed
SEEDS = range(10)
if os.environ.get("HYPOTHESIS_PROFILE") == "explore":
    SEEDS = random.sample(range(10**9), 10)

SIGHTS = {
    "a check found an authorization",
    "a sweep's cancel was sent",
    "a sweep cancelled an order",
    "a sweep's cancel was refused",
    "authorized between check and cancel",
    "a doubt was resolved",
    "a job was retried",
    "a write got no answer",
}


@pytest.fixture(scope="module")
def played(request):
    """The answers of the selected seeds, which all of the machine's cores are at."""
    chosen = [item.callspec.params["seed"] for item in request.session.items if of_seed(item)]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as processes:
        yield {seed: processes.submit(play, seed, HISTORIES) for seed in chosen}


def of_seed(item):
    return item.module.__name__ == __name__ and hasattr(item, "callspec")


@pytest.mark.parametrize("seed", SEEDS)
def test_in_no_history_is_anything_lost_or_done_that_must_not_be(played, seed):
    wrong, _ = played[seed].result()
    if wrong:
        pytest.fail(f"seed {seed}: python -m tests.simulation.playing {seed}\n{wrong}", False)


def test_the_histories_get_to_where_it_is_dangerous(played):
    seen = Counter()
    for answer in played.values():
        seen += answer.result()[1]
    histories = seen["a history was played"]
    assert histories >= HISTORIES * len(played)
    assert {sight: seen[sight] for sight in SIGHTS if seen[sight] < histories / 1000} == {}

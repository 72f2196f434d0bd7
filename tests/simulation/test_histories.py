"""Ten thousand histories, or two minutes of them: what can go wrong does, each commit is looked at.

What may happen is in `history`, what must not in `watch`, `witness`, `tokens` and `truths`. The
seeds are the same on every run; HYPOTHESIS_PROFILE=explore draws others.
"""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.history import FAULTS_AT, drawn
from tests.simulation.playing import play
from tests.simulation.running import run, told

HISTORIES, MINUTES = 10_000, 2.0  # as many as go into these, on a slow machine
AT_LEAST = 2_000
FIRST = random.randrange(10**9) if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 0
SIGHTS = {
    "a check found an authorization",
    "a sweep's cancel was sent",
    "a sweep cancelled an order",
    "a sweep's cancel was refused",
    "authorized between check and cancel",
    "a doubt was resolved",
    "a job was retried",
    "a write got no answer",
    "a run was killed",
    "a run was stopped",
    "a process was killed",
    "a process was stopped",
    "a process was told to end",
    "the ledger was away",
    "the provider is away",
    "lookups fail",
    "others call",
    "the clock is set",
    "running to in_doubt",
    "in_doubt to failed",
    "failed to waiting",
    "waiting to withdrawn",
    "running to withdrawn",
    "running to rejected",
    *(f"call {fault}" for fault in FAULTS_AT["call"][0]),
    *(f"message {fault}" for fault in FAULTS_AT["message"][0]),
    *(f"commit: {fault}" for fault in FAULTS_AT["commit"][0]),
    *(f"at a point: {fault}" for fault in FAULTS_AT["point"][0]),
}


@pytest.fixture(scope="module")
def report():
    return run(FIRST, histories=HISTORIES, minutes=MINUTES)


def test_in_no_history_is_anything_lost_or_done_that_must_not_be(report):
    for seed in sorted(report.wrong)[:1]:
        pytest.fail(told(seed) or f"seed {seed} failed once: {report.wrong[seed]}", pytrace=False)
    assert report.histories == HISTORIES or report.seconds > MINUTES * 60
    assert report.histories >= AT_LEAST


def test_the_histories_get_to_where_it_is_dangerous(report):
    seldom = {
        sight: report.seen[sight]
        for sight in SIGHTS
        if report.seen[sight] < report.histories / 1000
    }
    assert seldom == {}


def test_a_seed_replays_exactly_in_any_process():
    """Nothing hangs on what differs between two processes, as the order of a set of texts does."""
    seeds = range(20)
    here = traces_of(seeds)
    assert here == traces_of(seeds)
    for salt in ("1", "2"):
        code = f"from tests.simulation.test_histories import *; print(traces_of({seeds!r}))"
        there = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": salt},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
            text=True,
        )
        assert there.stdout.strip() == here


def traces_of(seeds):
    digest = hashlib.sha256()
    for seed in seeds:
        for line in play(drawn(seed), traced=True).trace:
            digest.update(line.encode())
    return digest.hexdigest()

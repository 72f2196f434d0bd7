"""Beside 100 000 jobs of the same bucket: a checkout runs next, and it is said when others will."""

import time

import pytest

from benchmarks.pile import copy_job
from tests.conformance import steps
from tests.conformance.steps import Quotas, confirm, hold, settle
from worker.domain.jobs import Policy
from worker.ledger import claims, queries, rounds, routing
from worker.ledger.filters import Filters
from worker.ledger.holds import Claim

SWEEP, CHECKOUT = 30, 0
MANY = 100_000

pytestmark = pytest.mark.by_hand  # copies of a row have no history


def accept(ledger, request, **terms):
    return steps.accept(ledger, request, **terms).job_id


def claimed(ledger, job_id):
    """Whether it was claimed now."""
    return isinstance(claims.claim(ledger, job_id, "worker"), Claim)


def pile_up(ledger, times=MANY):
    """A ready job of a sweep's priority, and so many copies behind it."""
    first = accept(ledger, confirm(1, priority=SWEEP), may_publish=False)
    copy_job(ledger.database, first, times)
    return first


def empty(ledger):
    """Use the tokens that there are, and more come."""
    for number in range(1000, 1010):
        settle(ledger, hold(ledger, accept(ledger, confirm(number))))


def test_a_checkout_behind_100_000_jobs_of_a_sweep_runs_next(open_ledger):
    ledger = open_ledger(Quotas(rate=5.0))
    routing.prepare(ledger)
    empty(ledger)
    first = pile_up(ledger)
    checkout = accept(ledger, confirm(2, priority=CHECKOUT))

    def published():
        found = rounds.dispatch(ledger, "w", 99, (), 1.0)
        time.sleep(0.0 if found.messages else min(found.next_in, 0.05))
        return [message.id for message in found.messages]

    until = time.monotonic() + 20.0
    while not (told := published()):
        assert time.monotonic() < until
    assert told[0] == checkout
    assert claimed(ledger, checkout)

    # What is said of the last of them is right, and does not take the time of counting them all.
    last = queries.fitting(ledger, Filters(seller="acme", states=("waiting",)))[-1]
    began = time.perf_counter()
    (told,) = queries.of_ids(ledger, [last])
    took = time.perf_counter() - began
    assert "; about " in told["expected_basis"]
    about = int(told["expected_basis"].partition("about ")[2].split()[0])
    assert about == pytest.approx(MANY, rel=0.02)
    assert took < 0.5  # milliseconds, where nobody else wants the processor
    assert told["expected_at"] > queries.of_ids(ledger, [first])[0]["expected_at"]
    page = list(queries.find(ledger, Filters(seller="acme"), 50))
    assert sum(each["expected_at"] is not None for each in page) >= 49


def test_reserve_keeps_the_last_tokens_for_checkouts(open_ledger):
    ledger = open_ledger(Quotas(rate=0.001), Policy(reserve=3))
    routing.prepare(ledger)
    sweeps = [accept(ledger, confirm(n, priority=SWEEP), may_publish=False) for n in range(12)]
    found = rounds.dispatch(ledger, "w", 99, (), 1.0).messages
    assert [message.id for message in found] == sweeps[:7]
    taken = [claimed(ledger, each) for each in sweeps]
    assert taken == [True] * 7 + [False] * 5
    assert rounds.dispatch(ledger, "w", 99, (), 1.0).messages == []
    checkouts = [accept(ledger, confirm(n)) for n in range(20, 24)]
    assert [claimed(ledger, each) for each in checkouts] == [True] * 3 + [False]


def test_each_job_says_what_it_waits_for(open_ledger):
    ledger = open_ledger(Quotas(capacity=2.0, rate=0.5))
    routing.prepare(ledger)
    running, other = accept(ledger, confirm(1)), accept(ledger, confirm(2))
    held = hold(ledger, running)
    hold(ledger, other)
    waiting = [accept(ledger, confirm(n)) for n in (3, 4, 5)]
    told = queries.of_ids(ledger, [running, *waiting])
    assert told[0]["expected_at"] is None
    ahead = [each["expected_basis"].partition("; ")[2] for each in told[1:]]
    assert ahead == [
        "0 jobs rank before it",
        "1 job ranks before it",
        "2 jobs rank before it",
    ]
    settle(ledger, held)
    assert queries.of_ids(ledger, [running])[0]["expected_basis"] is None

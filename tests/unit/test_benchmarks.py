"""The arithmetic of the benchmarks, and that each of them can be found; they are run by hand."""

import importlib

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.line import late, needed, use
from benchmarks.provider import Arrival

QUOTA = (10.0, 20.0)


def arrival(at, number, *, applied=True, seller="A1"):
    return Arrival(at, seller, f"S01-{number}", 200 if applied else 503, applied, not applied)


def test_the_permitted_line_needs_no_time_for_a_burst_and_its_rate_after_that():
    assert needed(QUOTA, 7) == 0.0
    assert needed(QUOTA, 10) == 0.0
    assert needed(QUOTA, 210) == 10.0


def test_who_keeps_to_the_line_uses_all_of_it():
    run = [arrival(1000.0 + needed(QUOTA, number), number) for number in range(1, 211)]
    found = use(run, QUOTA, orders=210, sellers=1)
    assert (found.share, found.throttles_per_success, found.lost) == (1.0, 0.0, 0)


def test_the_span_begins_with_the_first_arrival_and_ends_with_the_last_confirmed_order():
    run = [arrival(1000.0, 0, applied=False)]
    run += [arrival(1000.0 + number, number) for number in range(1, 21)]
    run += [arrival(1030.0, 21, applied=False)]
    found = use(run, QUOTA, orders=21, sellers=1)
    assert found.seconds == 20.0
    assert found.share == needed(QUOTA, 20) / 20.0
    assert found.throttles_per_success == 2 / 20
    assert found.lost == 1


def test_an_order_that_is_confirmed_twice_counts_once():
    run = [arrival(1000.0 + number, number // 2) for number in range(40)]
    assert use(run, QUOTA, orders=20, sellers=1).share == needed(QUOTA, 20) / 39.0


def test_orders_of_several_sellers_share_no_line():
    run = [arrival(1000.0, n, seller=seller) for n in range(10) for seller in "AB"]
    run += [
        arrival(1000.0 + (n - 9) / 20, n, seller=seller) for n in range(10, 30) for seller in "AB"
    ]
    found = use(run, QUOTA, orders=60, sellers=2)
    assert (found.share, found.lost) == (1.0, 0)


def test_who_comes_after_the_token_is_late_and_the_burst_is_not_counted():
    burst = [1000.0 + number / 1000 for number in range(10)]
    found = late([*burst, 1000.05, 1000.12], QUOTA)
    assert found == pytest.approx([0.0, 0.02])


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_it_measures(name):
    module = importlib.import_module(f"benchmarks.{name}")
    assert callable(module.main)
    assert len(module.__doc__) > 100
    assert name in importlib.import_module("benchmarks").__doc__

"""A dispatcher sleeps until somebody else has written, or until it is to stop."""

import functools
import threading
import time

import pytest
from sqlalchemy import text

from tests.conformance.steps import REFUSED, accept, cancel, confirm, hold, job, settle
from worker.errors import LedgerUnavailable
from worker.ledger import changes, claims, retries

LONG = 10.0
SOON = 1.0


def seconds_asleep(ledger, wake, after=0.1, longest=LONG, worker="worker"):
    """How long a dispatcher sleeps when `wake` is called `after` so many seconds."""
    stop = threading.Event()
    with ledger.database.watch(worker) as watched:
        watched.wait(0.0, stop)  # what was before does not matter
        waker = threading.Timer(after, wake, [stop])
        waker.start()
        began = time.monotonic()
        try:
            watched.wait(longest, stop)
            return time.monotonic() - began
        finally:
            waker.join()


def test_a_job_of_another_process_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    assert 0.05 < seconds_asleep(ledger, lambda _stop: accept(other, confirm(1))) < SOON


def test_after_a_long_silence_it_is_woken_as_soon(open_ledger, monkeypatch):
    monkeypatch.setattr(changes, "QUIET_AFTER", 0.5)
    monkeypatch.setattr(changes, "STOP_SECONDS", LONG)
    ledger, other = open_ledger(), open_ledger()
    asleep = seconds_asleep(ledger, lambda _stop: accept(other, confirm(1)), after=1.0)
    assert 0.9 < asleep < 1.0 + SOON


def test_what_came_in_one_go_wakes_it_once(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    with ledger.database.watch("worker") as watched:
        for number in range(5):
            accept(other, confirm(number))
        watched.wait(LONG, threading.Event())
        watched.wait(0.1, threading.Event())  # the server may have told of some a moment later
        began = time.monotonic()
        watched.wait(0.3, threading.Event())
        assert time.monotonic() - began > 0.2


def test_a_slot_that_becomes_free_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    held = hold(other, accept(other, confirm(1)).job_id)
    assert 0.05 < seconds_asleep(ledger, lambda _stop: settle(other, held)) < SOON


def test_a_slot_of_a_child_of_its_pool_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    held = hold(other, accept(other, confirm(1)).job_id, worker="worker/2")
    assert 0.05 < seconds_asleep(ledger, lambda _stop: settle(other, held)) < SOON


def test_a_slot_whose_job_is_put_aside_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    hold(other, accept(other, confirm(1)).job_id, worker="another")
    behind = accept(other, cancel(1)).job_id
    asleep = seconds_asleep(ledger, lambda _stop: claims.claim(other, behind, "worker/2"))
    assert 0.05 < asleep < SOON


def asleep_elsewhere(ledger, wake):
    """How long the dispatcher of another worker sleeps, two seconds at most."""
    return seconds_asleep(ledger, lambda _stop: wake(), longest=2.0, worker="another")


def test_a_slot_of_another_worker_does_not_wake_it(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("on SQLite every commit is seen by all")
    ledger, other = open_ledger(), open_ledger()
    held = hold(other, accept(other, confirm(1)).job_id)
    assert asleep_elsewhere(ledger, functools.partial(settle, other, held)) >= 1.9


def test_an_order_that_another_worker_lets_go_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    held = hold(other, accept(other, confirm(1)).job_id)
    behind = accept(other, cancel(1)).job_id
    claims.claim(other, behind, "worker")
    assert job(other, behind).waiting_for == "order"
    assert asleep_elsewhere(ledger, functools.partial(settle, other, held)) < SOON


def test_a_token_that_an_answer_brings_sooner_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    held = [hold(other, accept(other, confirm(number)).job_id) for number in range(10)]
    assert asleep_elsewhere(ledger, functools.partial(settle, other, held[0])) < SOON


def test_a_job_that_is_retried_wakes_it(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    job_id = accept(other, confirm(1)).job_id
    settle(other, hold(other, job_id), REFUSED, max_attempts=1)
    retry = functools.partial(retries.retry, other, job_id, actor="operator")
    assert 0.05 < seconds_asleep(ledger, lambda _stop: retry()) < SOON


def test_it_is_stopped(ledger):
    assert seconds_asleep(ledger, lambda stop: stop.set()) < SOON


def test_it_wakes_in_time_when_nothing_happens(ledger):
    with ledger.database.watch("worker") as watched:
        began = time.monotonic()
        watched.wait(0.5, threading.Event())
        assert 0.4 < time.monotonic() - began < SOON


def test_a_connection_that_ends_while_it_listens_is_a_ledger_that_is_away(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server that ends connections")
    ledger, other = open_ledger(), open_ledger()

    def end_others(_stop):
        with other.database.write() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
            )

    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        seconds_asleep(ledger, end_others)


def test_nobody_listens_any_more_when_it_has_stopped(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server to listen to")
    ledger = open_ledger()
    with ledger.database.watch("worker"):
        pass
    with ledger.database.read() as connection:
        found = connection.execute(text("SELECT count(*) FROM pg_listening_channels()"))
        assert found.scalar_one() == 0

"""A dispatcher's rounds while the broker or the ledger is away; its thread in a worker."""

import threading
import types

import pytest
from sqlalchemy import select

from worker import bootstep, dispatcher
from worker.app import app, confirm
from worker.dispatcher import LONGEST, Dispatcher
from worker.errors import LedgerUnavailable
from worker.ledger import routing
from worker.ledger.schema import jobs

LATE = 5.0


@pytest.fixture
def ready(door):
    """The ids of three jobs that can run now."""
    return [confirm.delay(f"S01-0000000-{n:07}", seller="acme").id for n in range(3)]


@pytest.fixture
def marks(door):
    def read():
        with door.ledger.database.read() as connection:
            rows = connection.execute(select(jobs.c.publish_at, jobs.c.publish_count)).all()
        return [tuple(row) for row in rows]

    return read


def test_ready_jobs_are_published_once_and_no_more_than_there_are_slots(door, ready):
    sent = []
    one = Dispatcher(door.ledger, "w", 2, lambda message: not sent.append(message.job.id))
    one.round()
    assert sent == ready[:2]
    one.round()
    assert sent == ready[:2]  # what is on its way holds its slot


def test_what_could_not_be_sent_is_not_marked_as_sent(door, ready, marks):
    one = Dispatcher(door.ledger, "w", 4, lambda _: False)
    for _ in range(4):
        one.round()
    assert marks() == [(0.0, 0)] * 3
    sent = []
    back = Dispatcher(door.ledger, "w", 4, lambda message: not sent.append(message.job.id))
    back.round()
    assert sent == ready


def test_while_nothing_may_be_published_nothing_is_chosen(door, ready, marks):
    one = Dispatcher(door.ledger, "w", 4, lambda _: 1 / 0, may_publish=lambda: False)
    assert one.round() == LONGEST
    assert marks() == [(0.0, 0)] * 3


def test_a_ledger_that_is_away_at_the_start_is_prepared_when_it_comes(door, ready, monkeypatch):
    away = [True]
    prepare = routing.prepare

    def prepare_or_not(ledger):
        if away[0]:
            raise LedgerUnavailable("away")
        prepare(ledger)

    monkeypatch.setattr(routing, "prepare", prepare_or_not)
    sent = []
    one = Dispatcher(door.ledger, "w", 4, lambda message: not sent.append(message.job.id))
    assert one.round() == dispatcher.AFTER_ERROR
    away[0] = False
    one.round()
    assert sent == ready


# --- the thread in a worker -----------------------------------------------------------------


@pytest.fixture
def worker():
    """What the bootstep needs of a worker: an application, and a pool of one slot."""
    return types.SimpleNamespace(app=app, concurrency=16, pool=types.SimpleNamespace(limit=1))


@pytest.fixture
def step(worker):
    made = bootstep.DispatcherStep(worker)
    yield made
    made.stop(worker)


def test_the_thread_publishes_as_many_as_its_pool_runs(door, ready, step, worker, monkeypatch):
    published, first = [], threading.Event()

    def publish(_task, job_id, _request, _hung):
        published.append(job_id)
        first.set()
        return True

    monkeypatch.setattr("worker.tasks.JobTask.announce", publish)
    step.start(worker)
    assert first.wait(LATE)
    step.stop(worker)
    assert set(published) == {ready[0]}


def test_the_thread_survives_an_odd_round(door, ready, step, worker, monkeypatch):
    failures = iter([RuntimeError("an odd row"), LedgerUnavailable("away")])
    done = threading.Event()
    make_round = Dispatcher.round

    def fail_first(self):
        for failure in failures:
            raise failure
        done.set()
        return make_round(self)

    monkeypatch.setattr(bootstep, "AFTER_ERROR", 0.05)
    monkeypatch.setattr(Dispatcher, "round", fail_first)
    step.start(worker)
    assert done.wait(LATE)


def test_closing_ends_the_thread_at_once(door, step, worker):
    step.start(worker)
    step.close(worker)
    step._thread.join(LATE)
    assert not step._thread.is_alive()

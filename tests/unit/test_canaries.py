"""The watch over the consumer: what counts as silence, and what follows from it."""

import types

import pytest
from celery import bootsteps

from worker import canaries
from worker.app import app


class Message:
    def __init__(self, headers):
        self.headers = headers
        self.acks = 0

    def ack(self):
        self.acks += 1


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def watch(clock):
    return canaries.Watch(lambda: clock[0])


def test_silence_is_counted_from_the_first_canary_that_did_not_come_back(watch, clock):
    assert watch.silence == 0.0
    watch.sent()
    clock[0] += 3.0
    watch.sent()
    clock[0] += 3.0
    assert watch.silence == 6.0
    watch.returned()
    assert watch.silence == 0.0
    clock[0] += 60.0
    assert watch.silence == 0.0  # nothing was sent


@pytest.mark.parametrize(
    "headers", [None, {}, {"task": "worker.confirm"}, {"task": ["worker.canary"]}, "worker.canary"]
)
def test_every_other_message_is_left_to_celery(headers):
    message = Message(headers)
    assert not canaries.took(message, types.SimpleNamespace())
    assert message.acks == 0


def test_a_canary_is_acknowledged_and_told(watch, clock):
    message = Message({"task": "worker.canary"})
    watch.sent()
    clock[0] += 5.0
    assert canaries.took(message, types.SimpleNamespace(watch=watch))
    assert (message.acks, watch.silence) == (1, 0.0)


def test_a_canary_of_somebody_else_goes_no_further():
    message = Message({"task": "worker.canary"})
    assert canaries.took(message, types.SimpleNamespace())
    assert message.acks == 1


# --- the thread -----------------------------------------------------------------------------


@pytest.fixture
def consumer():
    """A consumer that receives, whose main loop runs at once what it is asked to."""

    def call_soon(what):
        made.asked += 1
        if made.loop_runs:
            with pytest.raises(ConnectionError):
                what()

    made = types.SimpleNamespace(
        connection=object(),
        task_consumer=object(),
        qos=types.SimpleNamespace(value=4),
        blueprint=types.SimpleNamespace(state=bootsteps.RUN),
        pool=types.SimpleNamespace(__module__="celery.concurrency.thread"),
        call_soon=call_soon,
        asked=0,
        loop_runs=True,
    )
    return made


@pytest.fixture
def step(consumer, watch, monkeypatch):
    """A step that has sent its first canary."""
    worker = types.SimpleNamespace(app=app, consumer=consumer)
    made = canaries.WatchStep(worker)
    made.watch = watch
    made.look = lambda: made._look(worker)
    monkeypatch.setattr(made, "_send", lambda _app: watch.sent())
    monkeypatch.setattr(canaries.broker, "drop_connections", lambda _app: None)
    made.look()
    return made


def test_a_consumer_that_is_silent_for_long_begins_anew_and_is_watched_from_then_on(
    step, consumer, watch, clock
):
    clock[0] += canaries.SILENT
    step.look()
    assert consumer.asked == 0
    clock[0] += 0.1
    step.look()
    assert (consumer.asked, watch.silence) == (1, 0.0)


EXCUSES = {
    "no connection": {"connection": None},
    "not yet consuming": {"task_consumer": None},
    "not yet limited": {"qos": None},
    "closing": {"blueprint": types.SimpleNamespace(state=bootsteps.CLOSE)},
}


@pytest.mark.parametrize("excuse", EXCUSES)
def test_a_consumer_that_cannot_receive_is_not_called_silent(step, consumer, watch, clock, excuse):
    clock[0] += canaries.SILENT + 1.0
    for name, value in EXCUSES[excuse].items():
        setattr(consumer, name, value)
    step.look()
    assert (consumer.asked, watch.silence) == (0, 0.0)


@pytest.mark.parametrize(("reserved", "active"), [(4, 0), (8, 4)])
def test_a_full_window_is_no_silence(step, consumer, clock, monkeypatch, reserved, active):
    monkeypatch.setattr(canaries.state, "reserved_requests", range(reserved))
    monkeypatch.setattr(canaries.state, "active_requests", range(active))
    clock[0] += canaries.SILENT + 1.0
    step.look()
    assert consumer.asked == 0


def test_the_solo_pool_cannot_receive_while_it_runs_a_task(step, consumer, clock, monkeypatch):
    consumer.pool.__module__ = "celery.concurrency.solo"
    monkeypatch.setattr(canaries.state, "active_requests", range(1))
    monkeypatch.setattr(canaries.state, "reserved_requests", range(1))
    clock[0] += canaries.SILENT + 1.0
    step.look()
    assert consumer.asked == 0


def test_a_worker_whose_main_loop_is_stuck_ends_for_its_supervisor(
    step, consumer, clock, monkeypatch
):
    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr(canaries.os, "_exit", leave)
    monkeypatch.setattr(canaries, "STUCK", 0.2)
    consumer.loop_runs = False
    clock[0] += canaries.SILENT + 1.0
    with pytest.raises(SystemExit) as ended:
        step.look()
    assert ended.value.code == canaries.STUCK_EXIT


def test_in_memory_there_is_nothing_to_watch(configured):
    configured()
    worker = types.SimpleNamespace(app=app)
    assert not canaries.WatchStep(worker).include_if(worker)

"""Messages: the in-memory transport waits without polling, and publishing is bounded."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import kombu
import pytest

from worker import broker

LATE = 5.0  # seconds after which what was awaited will not come


@pytest.fixture
def connection():
    with kombu.Connection(transport=broker.Transport) as one:
        yield one
        one.default_channel.queues.clear()


@pytest.fixture
def queue(connection, request):
    name = request.node.name
    return kombu.Queue(name, kombu.Exchange(""), routing_key=name)


@contextmanager
def consuming(connection, queue, prefetch=0, ack=True):
    """Messages as they are delivered, while a thread drains the connection."""
    got, stop, deliveries = [], threading.Event(), threading.Condition()

    def on_message(message):
        with deliveries:
            got.append(message)
            deliveries.notify_all()
        if ack:
            message.ack()

    def drain():
        while not stop.is_set():
            try:
                connection.drain_events(timeout=0.3)
            except TimeoutError:
                continue

    channel = connection.channel()
    consumer = kombu.Consumer(channel, [queue], on_message=on_message)
    if prefetch:
        consumer.qos(prefetch_count=prefetch)
    consumer.consume()
    thread = threading.Thread(target=drain)
    thread.start()

    def wait_for(number, seconds=LATE):
        with deliveries:
            assert deliveries.wait_for(lambda: len(got) >= number, seconds), len(got)
        return got

    try:
        yield wait_for
    finally:
        stop.set()
        thread.join()


def publish(connection, queue, body="x"):
    connection.Producer(connection.channel()).publish(body, routing_key=queue.name)


# --- the in-memory transport ----------------------------------------------------------------


def test_drain_events_wakes_at_a_publish(connection, queue):
    with (
        consuming(connection, queue) as wait_for,
        kombu.Connection(transport=broker.Transport) as other,
    ):
        delays = []
        for number in range(1, 21):
            begun = time.monotonic()
            publish(other, queue)
            wait_for(number)
            delays.append(time.monotonic() - begun)
        assert sorted(delays)[10] < 0.05


def test_drain_events_wakes_at_an_ack_that_makes_room(connection, queue):
    with consuming(connection, queue, prefetch=1, ack=False) as wait_for:
        for _ in range(2):
            publish(connection, queue)
        got = wait_for(1)
        time.sleep(0.05)
        assert len(got) == 1
        begun = time.monotonic()
        got[0].ack()  # from this thread, as a pool's thread does
        wait_for(2)
        assert time.monotonic() - begun < 0.2
        got[1].reject()


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.2])
def test_drain_events_honours_its_timeout(connection, queue, seconds):
    connection.Consumer([queue]).consume()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=seconds)
    assert seconds <= time.monotonic() - begun < seconds + 0.3


def wait_in_a_thread(connection, timeout):
    """Begin to wait for messages; the event is set when the wait has ended by a time-out."""
    ended = threading.Event()

    def wait():
        try:
            connection.drain_events(timeout=timeout)
        except TimeoutError:
            ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_an_interrupt_ends_a_wait_also_one_without_end(connection, queue, timeout):
    connection.Consumer([queue]).consume()
    ended = wait_in_a_thread(connection, timeout)
    assert not ended.wait(0.1)
    broker.interrupt()
    assert ended.wait(LATE)


def test_an_interrupt_before_the_wait_is_not_missed(connection, queue):
    connection.Consumer([queue]).consume()
    broker.interrupt()
    assert wait_in_a_thread(connection, 30.0).wait(LATE)


def test_an_idle_consumer_does_not_wake_up(connection, queue, monkeypatch):
    connection.Consumer([queue]).consume()
    looks = []
    look = connection.transport.cycle.get
    monkeypatch.setattr(
        connection.transport.cycle, "get", lambda *a, **o: (looks.append(1), look(*a, **o))
    )
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=1.5)
    assert len(looks) <= 3


def test_many_threads_publish_and_every_message_arrives_once(connection, queue):
    with consuming(connection, queue, prefetch=4) as wait_for:

        def produce(first):
            with kombu.Connection(transport=broker.Transport) as own:
                for number in range(first, first + 100):
                    publish(own, queue, str(number))

        threads = [threading.Thread(target=produce, args=(n * 100,)) for n in range(8)]
        for thread in threads:
            thread.start()
        got = wait_for(800, 20.0)
        for thread in threads:
            thread.join()
        assert sorted(int(message.payload) for message in got) == list(range(800))


def test_memory_urls_mean_this_transport():
    from worker.app import app

    assert app is not None
    with kombu.Connection("memory://") as one:
        assert type(one.transport) is broker.Transport


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["memory://", "redis://127.0.0.1/15", "amqp://127.0.0.1//"])
def test_messages_go_through_the_default_exchange_as_json_only(url):
    settings = broker.configuration(url, 4)
    (queue,) = settings["task_queues"]
    assert (queue.name, queue.exchange.name, queue.routing_key) == (
        "order-worker",
        "",
        "order-worker",
    )
    assert settings["task_default_exchange"] == ""
    assert settings["accept_content"] == settings["result_accept_content"] == ["json"]
    assert (settings["task_serializer"], settings["result_serializer"]) == ("json", "json")


@pytest.mark.parametrize("url", ["memory://", "redis://127.0.0.1/15", "amqp://127.0.0.1//"])
def test_messages_are_acknowledged_early_and_queues_belong_to_nobody(url):
    settings = broker.configuration(url, 4)
    assert not settings["task_acks_late"]
    assert not settings["task_reject_on_worker_lost"]
    assert settings["worker_prefetch_multiplier"] == 1
    assert not settings["control_queue_exclusive"]
    assert not settings["event_queue_exclusive"]
    assert not settings["task_publish_retry"]
    assert settings["broker_transport_options"]["max_retries"] == 0


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("redis://127.0.0.1/15", ["socket_timeout", "socket_connect_timeout"]),
        ("rediss://127.0.0.1/15", ["socket_timeout", "socket_connect_timeout"]),
        ("amqp://127.0.0.1//", ["read_timeout", "write_timeout"]),
        ("amqps://127.0.0.1//", ["read_timeout", "write_timeout"]),
    ],
)
def test_who_publishes_waits_for_a_moment_and_a_consumer_longer(url, names):
    published, consumed = broker.publishing(url), broker.consuming(url)
    for options, seconds in (
        (published["broker_transport_options"], broker.PUBLISH_SECONDS),
        (consumed["transport_options"], broker.CONSUMER_SECONDS),
    ):
        assert [options[name] for name in names] == [seconds] * 2
    assert published["broker_connection_timeout"] == broker.PUBLISH_SECONDS
    assert consumed["connect_timeout"] == broker.CONSUMER_SECONDS


# --- after a failure ------------------------------------------------------------------------


def test_publishing_is_left_alone_for_five_seconds_after_a_failure():
    now, tries = [100.0], []
    publishing = broker.Publishing(lambda: now[0])

    def fail():
        tries.append(now[0])
        raise OSError("no broker")

    for at, outcome in ((100.0, False), (100.1, False), (104.9, False), (105.0, False)):
        now[0] = at
        assert publishing.attempt(fail) is outcome
    assert tries == [100.0, 105.0]
    assert publishing.paused
    now[0] = 110.0
    assert not publishing.paused
    assert publishing.attempt(lambda: None)
    now[0] = 110.1
    assert publishing.attempt(lambda: None)


# --- real sockets ---------------------------------------------------------------------------

PRODUCER = """
import json, math, time
from worker import confirm
from worker.bootstrap import runtime
from worker.ledger import withdrawals
from worker.tasks import publishing

def ask(number):
    begun = time.monotonic()
    result = confirm.delay(f"S01-0000000-{number:07}", seller="acme")
    seconds = time.monotonic() - begun
    recorded = result.state
    withdrawals.withdraw(runtime().ledger, result.id, "test", "the next one is published, too")
    return [seconds, recorded, publishing.paused]

cold = ask(0)
publishing._skip_until = -math.inf
print(json.dumps([cold, ask(1), ask(2)]))
"""


@contextmanager
def refused():
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    yield port


@contextmanager
def silent():
    """Accepts, and never says a word."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        yield listening.getsockname()[1]


@contextmanager
def black_hole():
    """A full backlog: the kernel drops what knocks."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.parametrize("fault", [refused, silent, black_hole])
@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/15", "amqp://127.0.0.1:{}//"])
def test_a_broker_that_is_away_or_hangs_costs_a_caller_half_a_second_at_most(
    configured, tmp_path, fault, url
):
    with fault() as port:
        configured(broker=url.format(port))
        done = subprocess.run(
            [sys.executable, "-c", PRODUCER],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    cold, warm, skipped = json.loads(done.stdout)
    for _, recorded, paused in (cold, warm, skipped):
        assert recorded == "PENDING"
        assert paused
    assert warm[0] < 0.6 + 0.2  # the second is the ledger's sync on a busy machine
    assert skipped[0] < 0.2
    assert done.stderr.count("not published; the ledger has it") == 2

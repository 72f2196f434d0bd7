"""What anybody may put into the queue, on each broker: none of it ends the worker, none of it
stays, each is told of, and the next job is done.
"""

import json
import subprocess
import sys

import celery_shop
import pytest
from celery_shop import BROKERS, changes, order, reachable, standing
from sqlalchemy import select

from worker.ledger.schema import results

pytestmark = pytest.mark.usefixtures("brokers_alone")

# The worker has the main thread, for its signals. What follows the hostile messages is a good one.
PROGRAM = """
import base64, json, os, signal, sys, threading, time
from celery.result import allow_join_result
from kombu import Connection
from worker.app import app, cancel, confirm

hostile = json.loads(sys.stdin.read())

def left(channel):
    try:
        return channel.queue_declare("order-worker", passive=True).message_count
    except channel.connection.client.channel_errors:
        return 0  # on Redis an empty queue is none

def produce():
    try:
        with Connection(app.conf.broker_url) as connection:
            producer = connection.Producer()
            first = confirm.delay("S01-0000000-0000001", seller="acme").id
            for name, body, headers, properties in hostile:
                if name.startswith("raw"):
                    connection.default_channel.client.lpush("order-worker", body)
                    continue
                if headers and headers.get("id") == "another task's":
                    headers["id"] = first
                producer.publish(
                    base64.b64decode(body), routing_key="order-worker", exchange="",
                    headers=headers, correlation_id="odd", **properties
                )
            done = confirm.delay("S01-0000000-0000002", seller="acme")
            with allow_join_result():  # Celery takes this thread for a task's
                print(done.get(timeout=30)["order_id"], flush=True)
            for _ in range(200):
                if not left(connection.default_channel):
                    break
                time.sleep(0.05)
            print(left(connection.default_channel), flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

worker = app.Worker(
    concurrency=2, loglevel="INFO", quiet=True,
    without_mingle=True, without_gossip=True, without_heartbeat=True,
)
threading.Thread(target=produce).start()
worker.start()
sys.exit(worker.exitcode or 0)
"""

BUYER = "Jane Doe"
HEADERS = {
    "lang": "py",
    "task": "worker.confirm",
    "id": "odd",
    "root_id": "odd",
    "parent_id": None,
    "group": None,
    "retries": 0,
    "timelimit": [None, None],
    "argsrepr": "",
    "kwargsrepr": "",
    "origin": "elsewhere",
}
JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
BODY = json.dumps([["S01-0000000-0000009"], {"seller": "acme", "buyer": BUYER}, {}])
GOOD = json.dumps([["S01-0000000-0000003"], {"seller": "acme"}, {}])
PICKLE = b"cos\nsystem\n(S'touch owned'\ntR."
YAML = b"!!python/object/apply:os.system ['touch owned']"
HUGE = json.dumps([["x" * 3_000_000], {"seller": "acme"}, {}])

BODIES = {
    "a number": "5",
    "null": "null",
    "too short": "[[]]",
    "half of a message": "[[],{}]",
    "empty": "",
    "a text": f'"{BUYER}"',
    "truncated": BODY[: len(BODY) // 2],
    "no end of brackets": "[" * 5000,
    "binary": b"\x00\xff\xfe",
}
ODD_HEADERS = [
    {"task": ["worker.confirm"]},
    {"task": 5},
    {"task": "worker.nothing"},
    {"task": "worker.canary"},
    {"id": ["a"]},
    {"id": {"a": 1}},
    {"id": 5},
    {"id": ""},
    {"id": "a\x00b"},
    {"id": "x" * 100_000},
    {"timelimit": 5},
    {"timelimit": ["a", "b"]},
    {"stamped_headers": 5},
    {"stamped_headers": [["a"]]},
    {"eta": 5},
    {"eta": "9999-12-31T23:59:59+00:00", "id": "far"},
    {"eta": "2030-01-01T00:00:00+00:00", "id": "later"},
    {"expires": [1]},
    {"expires": "2001-01-01T00:00:00+00:00", "id": "past"},
    {"retries": "many"},
    {"root_id": 7, "parent_id": [1], "group": {"a": 1}},
]


def message(name, body=BODY, headers=HEADERS, **properties):
    body = body.encode() if isinstance(body, str) else body
    return [name, _as_text(body), headers, JSON | properties]


def _as_text(body):
    import base64

    return base64.b64encode(body).decode()


HOSTILE = [
    *(message(name, body) for name, body in BODIES.items()),
    *(message("odd headers", BODY, HEADERS | odd) for odd in ODD_HEADERS),
    message("no headers", BODY, {}),
    message("foreign", "Dear Sir or Madam", {}, content_type="text/plain"),
    message("foreign, of a task", "Dear Sir", HEADERS, content_type="text/plain"),
    message("unknown encoding", BODY, HEADERS, content_encoding="klingon"),
    message("pickled", PICKLE, HEADERS, content_type="application/x-python-serialize"),
    message("yaml", YAML, HEADERS, content_type="application/x-yaml"),
    message("not compressed", BODY, HEADERS | {"compression": "application/x-gzip"}),
    message("enormous", HUGE, HEADERS | {"id": "enormous"}),
    message("a job that is not there", GOOD, HEADERS | {"id": "not there"}),
    message("nothing asked for", "[[],{},{}]", HEADERS | {"id": "nothing"}),
    message(
        "another task's", "[[],{},{}]", HEADERS | {"task": "worker.cancel", "id": "another task's"}
    ),
    message(
        "a sweep of nobody", '[["x","y"],{},{}]', HEADERS | {"task": "worker.sweep", "id": "s"}
    ),
    message(
        "a chord of nobody", '[[{"a":1}],{},{}]', HEADERS | {"task": "worker.chord", "id": "c"}
    ),
]
RAW = ["garbage", "5", "[]", "{}", '{"properties": 5}', '{"body": "x", "properties": {}}', ""]


@pytest.fixture
def meet(shop):
    """Let a worker meet these messages, and then a good one; what it printed and logged."""

    def run(messages):
        celery_shop.write(shop)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=shop.directory,
            env=shop.environ,
            input=json.dumps(messages),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


@pytest.fixture(params=BROKERS)
def broker(request):
    return request.param


@pytest.fixture
def ledger(broker, request):
    """A fleet's ledger once, since PostgreSQL has texts of its own that it refuses."""
    return {"ledger__url": request.getfixturevalue("postgresql")} if broker == "rabbitmq" else {}


SENTENCES = (  # what the log says of some of them
    "Received invalid task message: not enough values to unpack",
    "Received unregistered task of type 'worker.nothing'",
    "its id is not text of 1 to 255 bytes",
    "Received and deleted unknown message",
    "Refusing to deserialize untrusted content of type text/plain",
    "Refusing to deserialize untrusted content of type pickle",
    "Refusing to deserialize untrusted content of type yaml",
    "Can't decode message body: DecodeError(JSONDecodeError",
    "a message of one task names a job of another",
    "Task worker.sweep[s] raised",
    "Task worker.chord[c] raised",
)
# What became of those that can be kept as jobs.
KEPT = {
    "not there": "succeeded",
    "enormous": "rejected",
    "nothing": "rejected",
    "far": "rejected",  # its words; its time is none
    "later": "rejected",
}


def test_a_worker_outlives_every_hostile_message_and_does_the_next_job(
    broker, ledger, shop, sandbox, meet
):
    shop.configuration(broker__url=reachable(broker), **ledger)
    runtime = shop.ledger()
    raw = [["raw", text, {}, {}] for text in RAW] if broker == "redis" else []
    done = meet([*HOSTILE, *raw])
    said = done.stderr
    assert done.returncode == 0, said
    assert done.stdout.split()[:2] == [order(2), "0"], said
    assert "Unrecoverable" not in said
    assert [sentence for sentence in SENTENCES if sentence not in said] == []
    assert said.count("what stood in the queue is no message") == len(raw)
    assert BUYER not in done.stdout + said
    assert not (shop.directory / "owned").exists()
    rows = standing(runtime)
    assert {name: rows[name].state for name in KEPT} == KEPT
    assert changes(sandbox) == {"ConfirmOrderReference": 3}
    with runtime.ledger.database.read() as connection:
        kept = {row.task_id for row in connection.execute(select(results)).all()}
    assert kept & KEPT.keys() == set()


def test_the_time_of_a_message_is_kept_with_its_job(shop, sandbox, meet):
    shop.configuration(broker__url="memory://")
    runtime = shop.ledger()
    later = message("later", GOOD, HEADERS | {"id": "later", "eta": "2030-01-01T00:00:00+00:00"})
    done = meet([later])
    assert done.returncode == 0, done.stderr
    row = standing(runtime)["later"]
    assert (row.state, round(row.due_at)) == ("waiting", 1893456000)

"""One message that nobody can read must not end the worker, nor the next one."""

import json
import os
import subprocess
import sys

import pytest

# The worker has the main thread, for its signals. What follows the odd messages is a good one.
PROGRAM = """
import json, os, signal, sys, threading
from celery.result import allow_join_result
from kombu import Connection
from worker.app import app, confirm

odd = json.loads(sys.argv[1])

def produce():
    try:
        with Connection("memory://localhost") as connection:
            producer = connection.Producer()
            for body, headers in odd:
                producer.publish(
                    body, routing_key="order-worker", exchange="", headers=headers,
                    content_type="application/json", content_encoding="utf-8",
                    correlation_id="odd",
                )
        done = confirm.delay("S01-0000000-0000001", seller="acme")
        with allow_join_result():  # Celery takes this thread for a task's
            print(done.get(timeout=15)["order_id"], flush=True)
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
BODY = json.dumps([["S01-0000000-0000002"], {"seller": "acme", "buyer": BUYER}, {}])
BODIES = ["5", "null", "[[]]", "[[],{}]", "", f'"{BUYER}"', f'[["{BUYER}"', "[" * 5000]
ODD_HEADERS = [
    {"task": ["worker.confirm"]},
    {"task": 5},
    {"id": ["a"]},
    {"id": {"a": 1}},
    {"timelimit": 5},
    {"timelimit": ["a", "b"]},
    {"stamped_headers": 5},
    {"stamped_headers": [["a"]]},
    {"eta": 5},
    {"eta": "9999-12-31T23:59:59+00:00"},
    {"expires": [1]},
]
ODD = [(body, HEADERS) for body in BODIES] + [(BODY, HEADERS | odd) for odd in ODD_HEADERS]


@pytest.fixture
def worker(configured, provider, tmp_path):
    """Let a real worker meet these messages, and then a good one."""

    def run(messages):
        configured(provider.url)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(messages)],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_a_worker_outlives_every_odd_message_and_does_the_next_job(worker):
    done = worker([*ODD, (BODY, {})])
    assert done.returncode == 0, done.stderr
    assert "S01-0000000-0000001" in done.stdout, done.stderr
    assert "Unrecoverable" not in done.stderr
    assert done.stderr.count("invalid task message") >= 5


def test_the_body_of_an_odd_message_is_not_logged(worker):
    done = worker([(f'"{BUYER}"', HEADERS), (BODY, HEADERS | {"id": ["a"]})])
    assert "invalid task message" in done.stderr
    assert BUYER not in done.stdout + done.stderr

"""Workers that are told to end: what they began ends, what they had not begun others do at once."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import celery_shop
import pytest
from celery_shop import changes, finished, order, reachable, record, standing
from processes import until
from sqlalchemy import select

from worker.ledger.schema import transitions

pytestmark = pytest.mark.usefixtures("brokers_alone")

# Until its input ends it asks for one confirm after the other; then it tells its errors.
PRODUCER = """
import itertools, json, sys, threading, time
from worker import confirm

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
ids, errors, longest = [], [], 0.0
for number in itertools.count():
    if ended.wait(0.1):
        break
    begun = time.monotonic()
    try:
        ids.append(confirm.delay(f"S01-0000000-{number:07}", seller="acme").id)
    except Exception as error:
        errors.append(repr(error))
    longest = max(longest, time.monotonic() - begun)
print(json.dumps([ids, errors, longest]))
"""
SECONDS = 15.0  # that a job may take from its acceptance to its end, on a machine that is busy
WAIT = 60.0  # seconds after which what was awaited will not come


POOLS = ("threads", "prefork", "threads")


def test_a_fleet_that_is_restarted_in_turn_delays_no_job_and_sends_none_twice(
    postgresql, shop, sandbox
):
    shop.configuration(
        ledger__url=postgresql,
        broker__url=reachable("rabbitmq"),
        worker__call_timeout="3s",
        worker__lease="5s",
    )
    runtime = shop.ledger()
    celery_shop.write(shop)

    def start(pool):
        options = ("--without-mingle", "-c", "3", "-P", pool)
        worker = shop.start("celery", "-A", "shop_app", "worker", *options)
        until(lambda: "ready." in shop.log_of(worker), WAIT)
        return worker

    sandbox.add_fault(match={"operation": "Confirm*"}, delay=0.2, times=None)
    fleet = [(pool, start(pool)) for pool in POOLS]
    producer = subprocess.Popen(
        [sys.executable, "-c", PRODUCER],
        cwd=shop.directory,
        env=shop.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(sandbox.requests()) > 10, WAIT)
    ended = []
    for pool, worker in fleet:
        told = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        until(lambda worker=worker: worker.poll() is not None, WAIT)
        ended.append(round(time.monotonic() - told, 1))
        assert worker.returncode == 0, shop.log_of(worker)
        start(pool)
    said, _ = producer.communicate()
    ids, errors, longest = json.loads(said)
    assert errors == []
    until(lambda: finished(runtime, ids), WAIT)
    rows = standing(runtime, ids).values()
    took = sorted(row.finished_at - row.accepted_at for row in rows)
    sys.stdout.write(
        f"{len(ids)} jobs; the longest {took[-1]:.1f} s, the median {took[len(took) // 2]:.2f} s;"
        f" delay at most {longest:.2f} s; workers ended in {ended} s\n"
    )
    assert {row.state for row in rows} == {"succeeded"}
    assert took[-1] < SECONDS
    assert changes(sandbox) == {"ConfirmOrderReference": len(ids)}
    sent = Counter(e.order_id for e in sandbox.requests() if e.operation.startswith("Confirm"))
    assert set(sent.values()) == {1}
    with runtime.ledger.database.read() as connection:
        went = connection.execute(select(transitions.c.new, transitions.c.job_id)).all()
    assert "in_doubt" not in {each.new for each in went}


def test_a_call_that_hangs_holds_its_worker_for_its_time_out_and_is_looked_up(shop, sandbox):
    runtime = shop.ledger()
    celery_shop.write(shop)
    sandbox.stage(order(1), state="Draft")
    sandbox.add_fault(match={"operation": "Confirm*"}, when="after", delay=30.0, times=1)
    worker = shop.start_worker("--concurrency", "2")
    job = record(runtime, order(1))
    until(lambda: standing(runtime)[job].state == "running", WAIT)
    told = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    until(lambda: worker.poll() is not None, WAIT)
    assert time.monotonic() - told < 1.0 + 9.0  # the call's, and an end on a busy machine
    assert worker.returncode == 0, shop.log_of(worker)
    assert standing(runtime)[job].state == "in_doubt", shop.log_of(worker)


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_job_that_waits_in_its_slot_is_handed_back_at_once(shop, sandbox, pool):
    sandbox.add_fault(
        match={"operation": "Confirm*"},
        answer={"status": 503, "code": "RequestThrottled"},
        times=1,
    )
    # One token every ten seconds: the next try is worth the wait, in place.
    shop.configuration(
        broker__url=reachable("redis"),
        worker__patience="20s",
        worker__lease="60s",
        worker__call_timeout="2s",
        amazon_quota=(1.0, 0.1),
    )
    runtime = shop.ledger()
    celery_shop.write(shop)
    options = ("--without-mingle", "-c", "2", "-P", pool)
    worker = shop.start("celery", "-A", "shop_app", "worker", *options)
    job = record(runtime, order(1))
    until(lambda: "RequestThrottled" in shop.log_of(worker), WAIT)
    assert standing(runtime)[job].state == "running"
    told = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    until(lambda: standing(runtime)[job].state == "waiting")
    assert time.monotonic() - told < 5.0  # and not the ten of the wait
    until(lambda: worker.poll() is not None, WAIT)
    assert worker.returncode == 0, shop.log_of(worker)
    assert len(sandbox.requests()) == 1


def test_a_second_interrupt_is_no_error_and_the_answers_are_written(shop, sandbox):
    shop.configuration(worker__call_timeout="8s", worker__lease="12s")
    runtime = shop.ledger()
    for number in range(2):
        record(runtime, order(number))
        sandbox.add_fault(match={"order_id": order(number)}, delay=3.0)
    worker = shop.start_worker()
    until(lambda: [row.state for row in standing(runtime).values()] == ["running"] * 2)
    worker.send_signal(signal.SIGINT)
    until(lambda: "the worker leaves" in shop.log_of(worker))
    worker.send_signal(signal.SIGINT)
    until(lambda: worker.poll() is not None)
    assert "Traceback" not in shop.log_of(worker)
    assert "critical" not in shop.log_of(worker)
    assert {row.effect for row in standing(runtime).values()} == {"applied"}
    assert changes(sandbox) == {"ConfirmOrderReference": 2}

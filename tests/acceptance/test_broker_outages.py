"""The broker hangs, refuses or swallows: callers go on at once, and the work is done later."""

import functools
import json
import subprocess
import sys

import celery_shop
import pytest
from celery_shop import changes, finished, proxied, standing
from processes import until

pytestmark = pytest.mark.usefixtures("brokers_alone")
AT_ONCE = 0.6  # seconds, of which publishing has half
BACK_WITHIN = 40.0  # seconds: Celery's consumer waits up to 30 s between two tries

# Each line that it reads is an order's number; it answers with the seconds that `delay` took.
PRODUCER = """
import json, math, sys, time
from worker import confirm
from worker.tasks import publishing

for line in sys.stdin:
    publishing._skip_until = -math.inf  # what it learnt from the failure before is forgotten
    begun = time.monotonic()
    job = confirm.delay(f"S01-0000000-{int(line):07}", seller="acme").id
    print(json.dumps([time.monotonic() - begun, publishing.paused, job]), flush=True)
"""
FAULTS = ("hang", "refuse", "black_hole")


@pytest.fixture
def ask(shop):
    """Ask a producer that stays for a job: how long it took, whether it failed to publish, id."""
    process = None

    def one(number):
        nonlocal process
        process = process or subprocess.Popen(
            [sys.executable, "-c", PRODUCER],
            cwd=shop.directory,
            env=shop.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield one
    if process:
        process.stdin.close()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_caller_goes_on_at_once_and_the_work_is_done_when_the_broker_is_back(
    shop, sandbox, ask, broker
):
    with proxied(broker) as (proxy, url):
        shop.configuration(broker__url=url)
        runtime = shop.ledger()
        celery_shop.write(shop)
        worker = shop.start("celery", "-A", "shop_app", "worker", "--without-mingle", "-c", "2")
        until(lambda: "ready." in shop.log_of(worker))
        ids, told = [ask(0)[2]], {}
        all_done = functools.partial(finished, runtime, ids)
        until(all_done)
        for number, fault in enumerate(FAULTS, start=1):
            getattr(proxy, fault)()
            *told[fault], job = ask(number)
            ids.append(job)
            proxy.heal()
            until(all_done, BACK_WITHIN)
        sys.stdout.write(f"{broker}: {told}\n")
        assert worker.poll() is None, shop.log_of(worker)
    assert max(seconds for seconds, _ in told.values()) < AT_ONCE, told
    assert {fault for fault, (_, failed) in told.items() if failed} >= {"refuse", "black_hole"}
    assert {row.state for row in standing(runtime, ids).values()} == {"succeeded"}
    assert changes(sandbox) == {"ConfirmOrderReference": 1 + len(FAULTS)}

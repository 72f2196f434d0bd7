"""A worker that is killed in its call is noticed in time; one that was stopped comes too late."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from celery_shop import record
from processes import opened, until
from sqlalchemy import select

from tests.servers import database
from worker.domain.jobs import FINAL
from worker.ledger.schema import attempts, jobs, transitions

ORDER = "S01-0000000-000000{}"
LEASE, CALL = 5.0, 2.0  # seconds
WAIT = 60.0  # seconds after which what was awaited will not come: many processes start at once
STOPS = ("before_sending", "after_sending", "after_answer")


def rows(runtime):
    """All that is known of the jobs."""
    with runtime.ledger.database.read() as connection:
        return [connection.execute(select(t)).all() for t in (jobs, attempts, transitions)]


def state_of(runtime):
    ((row,), _, _) = rows(runtime)
    return row.state


def timely(shop, **settings):
    shop.configuration(worker__lease=f"{LEASE}s", worker__call_timeout=f"{CALL}s", **settings)
    return shop.ledger()


def test_a_killed_workers_job_is_looked_up_within_lease_and_call_timeout_and_a_second(
    shop, sandbox
):
    runtime = timely(shop)
    order_id = ORDER.format(1)
    sandbox.stage(order_id, state="Draft")
    sandbox.add_fault(match={"operation": "Confirm*"}, when="after", delay=CALL, times=1)
    workers = [shop.start_worker("--concurrency", "2") for _ in range(2)]
    for worker in workers:
        until(lambda worker=worker: "ready" in shop.log_of(worker), WAIT)
    record(runtime, order_id)
    until(lambda: sandbox.order(order_id)["changed"])
    ((row,), _, _) = rows(runtime)
    assert row.state == "running"
    holder = int(row.worker.split(":")[1])
    assert holder in {worker.pid for worker in workers}
    os.killpg(holder, signal.SIGKILL)
    killed_at = time.time()
    until(lambda: state_of(runtime) == "succeeded", WAIT)
    lookup = next(e for e in sandbox.requests() if e.operation.startswith("GetOrder"))
    seconds = lookup.time - killed_at
    sys.stdout.write(f"looked up {seconds:.2f} s after the kill; lease {LEASE}, call {CALL} s\n")
    assert seconds < LEASE + CALL + 1.0
    assert sandbox.order(order_id)["changed"] == {"ConfirmOrderReference": 1}
    assert [e.operation for e in sandbox.requests()].count("ConfirmOrderReference") == 1


def test_a_worker_that_was_stopped_for_longer_than_its_lease_sends_and_writes_nothing(
    tmp_path, sandbox
):
    with ExitStack() as stack:
        shops, stopped, runtimes = {}, {}, {}
        for number, point in enumerate(STOPS):
            (tmp_path / point).mkdir()
            url = stack.enter_context(database())
            shop = shops[point] = stack.enter_context(opened(tmp_path / point, sandbox.url))
            runtimes[point] = timely(shop, ledger__url=url)
            record(runtimes[point], ORDER.format(number))
            stopped[point] = shop.start_worker("--concurrency", "2", ORDER_WORKER_STOP_AT=point)
        for worker in stopped.values():
            until(lambda worker=worker: is_stopped(worker), WAIT)
        others = {point: shop.start_worker("--concurrency", "2") for point, shop in shops.items()}
        for point, runtime in runtimes.items():
            until(lambda runtime=runtime: state_of(runtime) in FINAL, WAIT)
            assert state_of(runtime) == "succeeded", shops[point].log_of(others[point])
        before = {point: rows(runtime) for point, runtime in runtimes.items()}
        sent = len(sandbox.requests())
        for worker in stopped.values():
            assert is_stopped(worker)
            worker.send_signal(signal.SIGCONT)
        for point, worker in stopped.items():
            until(lambda p=point, worker=worker: "too late" in shops[p].log_of(worker), WAIT)
        time.sleep(0.5)  # what it may do wrong it does now
        assert len(sandbox.requests()) == sent
        for point, runtime in runtimes.items():
            assert rows(runtime) == before[point]
            assert stopped[point].poll() is None
    for number in range(len(STOPS)):
        order_id = ORDER.format(number)
        assert sandbox.order(order_id)["changed"] == {"ConfirmOrderReference": 1}
        entries = [e.operation for e in sandbox.requests() if e.order_id == order_id]
        assert entries.count("ConfirmOrderReference") == 1, entries


def is_stopped(process):
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"

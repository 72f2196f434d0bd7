"""A worker that is killed in its call is noticed in time; one that was stopped comes too late."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from processes import opened, until
from sqlalchemy import select

from tests.servers import database
from worker.domain.jobs import FINAL, Task
from worker.ledger.acceptance import Terms
from worker.ledger.schema import attempts, jobs, transitions
from worker.producers import new_id

ORDER = "S01-0000000-000000{}"
LEASE, CALL = 3.0, 2.0  # seconds
STOPS = ("after_claim", "before_sending", "after_sending", "after_answer")


def record(runtime, order_id):
    """Record one confirm as a producer does; its id."""
    request = runtime.producers.request(Task.CONFIRM, (order_id,), {"seller": "acme"})
    terms = Terms(job_id=new_id(), actor="test", may_publish=False)
    return runtime.producers.accept(request, terms).job_id


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
    first = shop.start_worker()
    until(lambda: "ready" in shop.log_of(first))
    record(runtime, order_id)
    until(lambda: sandbox.order(order_id)["changed"])
    assert state_of(runtime) == "running"
    os.killpg(first.pid, signal.SIGKILL)
    killed_at = time.time()
    second = shop.start_worker()
    until(lambda: state_of(runtime) == "succeeded")
    lookup = next(e for e in sandbox.requests() if e.operation.startswith("GetOrder"))
    seconds = lookup.time - killed_at
    sys.stdout.write(f"looked up {seconds:.2f} s after the kill; lease {LEASE}, call {CALL} s\n")
    assert seconds < LEASE + CALL + 1.0, shop.log_of(second)
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
            until(lambda worker=worker: is_stopped(worker))
        others = {point: shop.start_worker("--concurrency", "2") for point, shop in shops.items()}
        for point, runtime in runtimes.items():
            until(lambda runtime=runtime: state_of(runtime) in FINAL)
            assert state_of(runtime) == "succeeded", shops[point].log_of(others[point])
        before = {point: rows(runtime) for point, runtime in runtimes.items()}
        sent = len(sandbox.requests())
        for worker in stopped.values():
            assert is_stopped(worker)
            worker.send_signal(signal.SIGCONT)
        for point, worker in stopped.items():
            until(lambda point=point, worker=worker: "too late" in shops[point].log_of(worker))
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

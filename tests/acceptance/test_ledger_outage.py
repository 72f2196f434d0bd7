"""PostgreSQL goes away under real workers: nothing is lost, nothing applied twice."""

import itertools
import signal
import threading
import time

import pytest
from celery_shop import changes, order, standing
from processes import until
from sqlalchemy import func, select

from tests.servers import OwnPostgreSQL, running
from worker.domain.jobs import FINAL, Task
from worker.errors import LedgerUnavailable
from worker.ledger.acceptance import Terms
from worker.ledger.repeating import once_more
from worker.ledger.schema import attempts, jobs
from worker.producers import new_id

JOBS = 150
AT_ONCE = 5.0  # seconds, on a busy machine
WAIT = 60.0
LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND state = 'idle'"


@pytest.fixture(scope="module")
def server():
    with running(OwnPostgreSQL) as one:
        yield one


@pytest.fixture
def fleet(shop, server):
    """Two workers on a ledger of their own, whose provider takes a moment for each call."""
    with server.connect("postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
        connection.execute("CREATE DATABASE test")
    shop.configuration(
        ledger__url=server.url, worker__lease="3s", worker__call_timeout="2s", worker__patience="1s"
    )
    assert shop.order_worker("migrate").returncode == 0
    workers = [shop.start_worker() for _ in range(2)]
    until(lambda: heard(server) == len(workers), WAIT)
    return workers


def heard(server):
    with server.connect() as connection:
        return connection.execute(LISTENING).fetchone()[0]


class Producer(threading.Thread):
    """Asks for one order after the other, and again for one that was not accepted."""

    def __init__(self, runtime):
        super().__init__(daemon=True)
        self.runtime = runtime
        self.refused = []  # seconds that each refusal took
        self.said = set()
        self.failure = None

    def run(self):
        try:
            for number in range(JOBS):
                while not self.accept(number):
                    time.sleep(0.05)
                time.sleep(0.01)
        except Exception as error:  # noqa: BLE001 - raised by the test
            self.failure = error

    def accept(self, number):
        request = self.runtime.producers.request(Task.CONFIRM, (order(number),), {"seller": "acme"})
        began = time.monotonic()
        try:
            return self.runtime.producers.accept(request, Terms(new_id(), "test", new_id=True))
        except LedgerUnavailable as error:
            self.said.add(str(error))
            self.refused.append(time.monotonic() - began)


def restart(server):
    server.restart()


def crash(server):
    server.restart(signal.SIGQUIT)


def cut(server):
    for _ in range(5):
        server.cut_connections()
        time.sleep(0.1)


def test_no_outage_loses_a_job_or_applies_one_twice(shop, sandbox, server, fleet):
    sandbox.add_fault(delay=0.1, when="after", times=10_000)
    runtime = shop.ledger()
    producer = Producer(runtime)
    producer.start()
    faults = itertools.cycle([cut, restart, cut, crash])
    done = 0
    while producer.is_alive() or done < 4:
        next(faults)(server)
        done += 1
        time.sleep(0.3)
    assert producer.failure is None
    # The test's own connection was cut as well.
    until(lambda: len(once_more(standing)(runtime)) == JOBS, WAIT)
    unfinished = select(func.count()).where(jobs.c.state.not_in([str(s) for s in FINAL]))

    def left():
        with runtime.ledger.database.read() as connection:
            return connection.execute(unfinished).scalar_one()

    until(lambda: left() == 0, WAIT)
    said = [shop.log_of(worker) for worker in fleet]
    assert {row.state for row in standing(runtime).values()} == {"succeeded"}, said
    assert changes(sandbox) == {"ConfirmOrderReference": JOBS}
    assert no_write_was_repeated(sandbox)
    with runtime.ledger.database.read() as connection:
        in_flight = select(func.count()).where(attempts.c.finished_at.is_(None))
        assert connection.execute(in_flight).scalar_one() == 0
    assert max(producer.refused, default=0.0) < AT_ONCE
    assert all(sentence.startswith("The ledger") for sentence in producer.said), producer.said
    for worker, log in zip(fleet, said, strict=True):
        assert worker.poll() is None, log
        assert "Traceback" not in log, log
    until(lambda: heard(server) == len(fleet), WAIT)


def no_write_was_repeated(sandbox):
    """Each confirm was sent once: whatever the ledger missed, no answer was."""
    asked = [each.order_id for each in sandbox.requests() if each.operation.startswith("Confirm")]
    return sorted(asked) == sorted(set(asked))


def test_a_receipt_is_kept_while_the_ledger_is_away(shop, sandbox, server, fleet):
    """Longer than the lease: the answer is written all the same, and no lookup is needed."""
    runtime = shop.ledger()
    sandbox.add_fault(delay=1.0, when="after", match={"operation": "ConfirmOrderReference"})
    request = runtime.producers.request(Task.CONFIRM, (order(1),), {"seller": "acme"})
    job_id = runtime.producers.accept(request, Terms(new_id(), "test", new_id=True)).job_id
    until(lambda: standing(runtime)[job_id].state == "running")  # its answer takes a second
    server.kill()
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match=r"cannot be reached|is not known"):
        runtime.producers.accept(request, Terms(new_id(), "test", new_id=True))
    assert time.monotonic() - began < AT_ONCE
    time.sleep(max(0.0, 4.0 - (time.monotonic() - began)))  # the lease of three seconds is over
    server.begin()
    until(lambda: standing(runtime)[job_id].state == "succeeded", WAIT)
    row = standing(runtime)[job_id]
    assert (row.lost_leases, row.receipt["basis"]) == (0, "own")
    assert [each.operation for each in sandbox.requests() if each.applied] == [
        "ConfirmOrderReference"
    ]


def test_a_worker_that_is_told_to_end_meanwhile_does_not_wait_for_long(
    shop, sandbox, server, fleet
):
    runtime = shop.ledger()
    sandbox.add_fault(delay=1.0, when="after", match={"operation": "ConfirmOrderReference"})
    request = runtime.producers.request(Task.CONFIRM, (order(1),), {"seller": "acme"})
    runtime.producers.accept(request, Terms(new_id(), "test", new_id=True))
    until(lambda: {row.state for row in standing(runtime).values()} == {"running"})
    server.kill()
    for worker in fleet:
        worker.send_signal(signal.SIGTERM)
    until(lambda: None not in [worker.poll() for worker in fleet], 20.0)
    server.begin()
    shop.start_worker()
    until(lambda: {row.state for row in standing(runtime).values()} == {"succeeded"}, WAIT)
    assert changes(sandbox) == {"ConfirmOrderReference": 1}
    assert no_write_was_repeated(sandbox)

"""Rows that somebody has edited while workers run: the neighbours go on, and the odd one is seen.

A worker neither ends for it nor comes back to it more often than now and then.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.steps import Quotas, accept, confirm, decision_on, hold, rows, settle
from tests.conformance.test_ledger_end_to_end import Provider
from tests.conformance.test_stale_checks import still_open, swept
from tests.conformance.test_verify_findings import edit, remove
from worker.clock import SystemClock
from worker.dispatcher import Dispatcher
from worker.domain.jobs import Policy
from worker.executor import Executor
from worker.ledger import queries, routing
from worker.ledger.filters import Filters
from worker.ledger.schema import buckets, jobs, orders
from worker.ledger.verification import replay

pytestmark = pytest.mark.by_hand

NEIGHBOURS = 4
LATE = 20.0  # seconds
POLICY = Policy(lease=0.4, call_timeout=0.2, doubt_wait=0.05, patience=0.1)
ONE_AT_A_TIME = Quotas(capacity=1.0, rate=40.0)  # whoever ranks first has the only token
CONFIRMS = "acme|ConfirmOrderReference"
FAR = 9e10


class Fleet:
    """One worker, its dispatcher and its slots in turn, as the bootstep and Celery run them."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.messages = []
        self.sent = Counter()
        self.failed_rounds = 0
        self.failed_runs = Counter()
        self.executor = Executor(ledger, {"acme": Provider()}, SystemClock(), "w")
        self.dispatcher = Dispatcher(ledger, "w", 4, self.publish)

    def publish(self, message):
        self.sent[message.job.id] += 1
        self.messages.append(message.job.id)
        return True

    def work(self, until):
        give_up_at = time.monotonic() + LATE
        while not until():
            assert time.monotonic() < give_up_at, [(r.id, r.state, r.why) for r in self.states()]
            self.turn()

    def work_for(self, seconds):
        begun = time.monotonic()
        self.work(lambda: time.monotonic() - begun > seconds)

    def turn(self):
        try:
            self.dispatcher.round()
        except Exception:  # noqa: BLE001 - as in the bootstep, which goes on a second later
            self.failed_rounds += 1
        messages, self.messages = self.messages, []
        for job_id in messages:
            try:
                self.executor.run(job_id)
            except Exception:  # noqa: BLE001 - as Celery's: the task has failed
                self.failed_runs[job_id] += 1
        time.sleep(0.005)

    def states(self):
        with self.ledger.database.read() as connection:
            return connection.exec_driver_sql(
                "SELECT id, state, waiting_for AS why FROM order_worker_jobs"
            ).all()


@dataclass(frozen=True)
class Odd:
    name: str
    edited: Any  # what is done to a ledger whose first job is the odd one
    ends: tuple[str, ...]  # the states that it may be left in
    found: str | None = None  # what verify says of it; None where all is well in the end
    running: bool = False  # edited while a worker has it that does not come back
    only: str | None = None  # the database that takes such a value


def job_column(column, value):
    return lambda ledger: edit(ledger, jobs, column, value)


def bucket_column(column, value):
    def edited(ledger):
        which = [row.key for row in rows(ledger, buckets)].index(CONFIRMS)
        edit(ledger, buckets, column, value, which)

    return edited


def raw(statement):
    def edited(ledger):
        with ledger.database.write() as connection:
            connection.exec_driver_sql(statement)

    return edited


BROKEN = "UPDATE order_worker_jobs SET {} = '{{\"half' WHERE id = 'odd'"
DONE = ("succeeded",)
ODDITIES = [
    Odd("a state that there is not", job_column("state", "asleep"), ("asleep",), "'asleep'"),
    Odd("a task that there is not", job_column("task", "refund"), ("waiting",), "'refund'"),
    Odd("a step that there is not", job_column("step", "guess"), ("waiting",), "'guess'"),
    Odd("an effect that there is not", job_column("effect", "some"), ("waiting",), "'some'"),
    Odd("a seller that nobody knows", job_column("seller", "nobody"), ("waiting",)),
    Odd("a bucket that there is not", job_column("bucket", "elsewhere"), DONE),
    Odd("a pace of no token in a life", bucket_column("slowed_to", 1e-12), DONE),
    Odd("a pace below nothing", bucket_column("learned_rate", -1.0), DONE),
    Odd("a pace that was learned in time to come", bucket_column("learned_at", FAR), DONE),
    Odd("numbers that were read in time to come", bucket_column("read_at", FAR), DONE),
    Odd("a final state without an end", job_column("state", "succeeded"), DONE, "no finished_at"),
    Odd("running, and held by nobody", job_column("state", "running"), DONE, "from running to"),
    Odd("due in three thousand years", job_column("due_at", FAR), ("waiting",), "due_at is"),
    Odd("no row of its order", lambda led: remove(led, orders), DONE, running=True),
    Odd("a lease of years", job_column("lease_until", FAR), DONE, running=True),
    Odd("a lease without an end", job_column("lease_until", None), DONE, running=True),
    Odd("a level below zero", bucket_column("level", -1e9), DONE),
    Odd("a level above the capacity", bucket_column("level", 1e9), DONE),
    Odd("a level that is no number", bucket_column("level", float("nan")), DONE, only="postgresql"),
    Odd("an endless level", bucket_column("level", float("inf")), DONE),
    Odd("a rate of nothing", bucket_column("rate", 0.0), DONE),
    Odd(
        "a capacity that is no number",
        bucket_column("capacity", float("nan")),
        DONE,
        only="postgresql",
    ),
    Odd("a bucket of the future", bucket_column("level_at", FAR), DONE),
    Odd(
        "no row of its bucket",
        lambda led: remove(led, buckets, [row.key for row in rows(led, buckets)].index(CONFIRMS)),
        DONE,
    ),
    Odd(
        "broken JSON in the options",
        raw(BROKEN.format("options")),
        DONE,
        "options is no JSON",
        only="sqlite",
    ),
    Odd("broken JSON in the receipt", raw(BROKEN.format("receipt")), DONE, only="sqlite"),
    Odd("broken JSON in the error", raw(BROKEN.format("error")), DONE, only="sqlite"),
]


@pytest.fixture
def fleet(open_ledger, caplog):
    caplog.set_level(logging.CRITICAL)
    ledger = open_ledger(ONE_AT_A_TIME, POLICY)
    routing.prepare(ledger)
    return Fleet(ledger)


@pytest.mark.parametrize("odd", ODDITIES, ids=lambda odd: odd.name)
def test_the_neighbours_of_an_odd_row_go_on_and_it_is_seen(fleet, odd):
    ledger = fleet.ledger
    if odd.only and odd.only != ledger.database.engine.dialect.name:
        pytest.skip(f"only {odd.only} takes such a value")
    accept(ledger, confirm(0), job_id="odd")
    if odd.running:
        hold(ledger, "odd", "somebody who does not come back")
    odd.edited(ledger)
    neighbours = [accept(ledger, confirm(1 + n)).job_id for n in range(NEIGHBOURS)]
    fleet.work(lambda: all(job_state(fleet, each) == "succeeded" for each in neighbours))
    fleet.work(lambda: job_state(fleet, "odd") in odd.ends)
    fleet.work_for(0.3)
    assert job_state(fleet, "odd") in odd.ends
    assert fleet.sent["odd"] <= 5
    assert fleet.failed_rounds <= 1
    assert sum(fleet.failed_runs.values()) <= 2
    said = [one.what for one in replay.findings(ledger)]
    if odd.found:
        assert any(odd.found in what for what in said), said
    else:
        assert said == []
    listed = {each["id"] for each in queries.find(ledger, Filters(), 50)}
    assert listed == {"odd", *neighbours}


def job_state(fleet, job_id):
    return next(row.state for row in fleet.states() if row.id == job_id)


def test_an_answer_is_kept_whose_orders_row_has_gone(fleet):
    held = hold(fleet.ledger, accept(fleet.ledger, confirm(1)).job_id)
    remove(fleet.ledger, orders)
    assert settle(fleet.ledger, held)
    assert [row.state for row in rows(fleet.ledger, orders)] == ["Open"]
    assert list(replay.findings(fleet.ledger)) == []


def test_a_sweeps_cancel_whose_states_cannot_be_read_cancels_nothing(fleet):
    ledger = fleet.ledger
    if not ledger.database.is_sqlite:
        pytest.skip("PostgreSQL takes no JSON that is none")
    job_id = accept(ledger, swept(1)).job_id
    raw("UPDATE order_worker_jobs SET stale_states = '[\"Op'")(ledger)
    check = hold(ledger, job_id)
    assert check.job.step == "lookup:check"
    assert decision_on(ledger, check, still_open(check)).state == "withdrawn"

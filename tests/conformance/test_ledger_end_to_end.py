"""Executors and dispatchers of two workers in real time: all is done, and done once."""

import queue
import threading
import time
from contextlib import ExitStack

from tests.conformance.steps import Quotas, accept, cancel, confirm, rows
from worker.clock import SystemClock
from worker.dispatcher import Dispatcher
from worker.domain.jobs import FINAL, Policy
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing
from worker.executor import Executor
from worker.ledger.schema import attempts

JOBS = 60
SLOTS = 4
LATE = 30.0  # seconds
FAST = Quotas(capacity=10.0, rate=100.0)
POLICY = Policy(lease=2.0, call_timeout=1.0, doubt_wait=0.1, patience=0.3)


class Provider:
    """Takes a moment for each call, and loses the answer of every tenth write."""

    name = "tiny"
    sca = False

    def __init__(self):
        self.applied = []
        self.states = {}
        self._one = threading.Lock()

    def perform(self, job):
        time.sleep(0.005)
        with self._one:
            if job.step.is_lookup:
                state = self.states.get(job.order_id, "Draft")
                reached = state in {"Open", "Canceled"}
                standing = Standing.REACHED if reached else Standing.NOT_YET
                view = OrderView(job.order_id, state, standing)
                return Answer(Outcome.APPLIED, status=200, order=view)
            self.applied.append(job.order_id)
            self.states[job.order_id] = "Open" if job.task == "confirm" else "Canceled"
            if len(self.applied) % 10 == 0:
                return Answer(Outcome.UNKNOWN, status=500, message="the answer was lost")
            return Answer(Outcome.APPLIED, status=200, request_id=f"r{len(self.applied)}")


def worker(ledger, name, provider, stop):
    """The threads of one worker: a dispatcher and its slots."""
    messages = queue.SimpleQueue()
    executor = Executor(ledger, {"acme": provider}, SystemClock(), name)

    def dispatch():
        dispatcher = Dispatcher(ledger, name, SLOTS, lambda message: not messages.put(message))
        with ledger.database.watch("w") as changes:
            while not stop.is_set():
                changes.wait(dispatcher.round(), stop)

    def execute():
        while not stop.is_set():
            try:
                executor.run(messages.get(timeout=0.05).job.id)
            except queue.Empty:
                continue

    return [threading.Thread(target=dispatch), *(threading.Thread(target=execute) for _ in "1234")]


def test_two_workers_apply_every_job_once(open_ledger):
    ledgers = [open_ledger(FAST, POLICY) for _ in range(2)]
    provider, stop = Provider(), threading.Event()
    threads = [
        thread
        for number, ledger in enumerate(ledgers)
        for thread in worker(ledger, f"w{number}", provider, stop)
    ]
    with ExitStack() as at_the_end:
        for thread in threads:
            thread.start()
            at_the_end.callback(thread.join, LATE)
        at_the_end.callback(stop.set)
        for number in range(JOBS):
            accept(ledgers[0], confirm(number) if number % 2 else cancel(number), may_publish=False)
        until = time.monotonic() + LATE
        while any(row.state not in FINAL for row in rows(ledgers[0])):
            assert time.monotonic() < until, [row.state for row in rows(ledgers[0])]
            time.sleep(0.05)
    assert not any(thread.is_alive() for thread in threads)
    assert {row.state for row in rows(ledgers[0])} == {"succeeded"}
    assert len(provider.applied) == len(set(provider.applied)) == JOBS
    assert all(row.outcome is not None for row in rows(ledgers[0], attempts))

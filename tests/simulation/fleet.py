"""Workers on one ledger and one broker, against a model of the provider."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.memory import the_ledger
from tests.simulation.world import Thread, World
from worker.dispatcher import AFTER_ERROR, Dispatcher
from worker.domain.jobs import FINAL, Policy, Request
from worker.errors import LedgerUnavailable
from worker.executor import Executor
from worker.ledger import acceptance
from worker.ledger.acceptance import Accepted, Terms
from worker.ledger.continuations import Message
from worker.ledger.ledger import Ledger
from worker.ledger.schema import jobs
from worker.outage import Outage


@dataclass(eq=False)
class Worker:
    """A process: it has slots, and may be stopped for a while."""

    name: str
    free: int  # slots
    still_until: float = 0.0
    is_leaving: bool = False
    threads: list[Thread] = field(default_factory=list)


class Fleet:
    def __init__(
        self,
        world: World,
        provider: Any,
        *,
        workers: int = 1,
        slots: int = 16,
        policy: Policy | None = None,
    ) -> None:
        self.world = world
        self.began = world.now
        self.provider = provider
        self.slots = slots
        self.database = the_ledger()
        self.database.begin_anew(world)
        self.ledger = Ledger(self.database, provider, policy or Policy())
        self.queue: list[str] = []
        # What becomes of the next message: None, or the name of a fault.
        self.message_fault: Callable[[], str | None] = lambda: None
        self.ids = (f"job-{number:05d}" for number in itertools.count(1))
        self._names = (f"worker-{number}" for number in itertools.count())
        self.workers: list[Worker] = []
        for _ in range(workers):
            self.start_worker()

    def start_worker(self) -> None:
        worker = Worker(next(self._names), self.slots)
        dispatcher = self.world.spawn(self._dispatch, worker, worker=worker)
        dispatcher.dispatches = True
        worker.threads.append(dispatcher)
        self.workers.append(worker)

    def accept(self, request: Request, **terms: Any) -> Accepted:
        accepted = acceptance.accept(
            self.ledger, request, Terms(next(self.ids), "producer", **terms)
        )
        if accepted.runs_now:
            self.publish(accepted.job_id)
        return accepted

    def publish(self, job_id: str) -> None:
        """A message: it reaches some worker with a free slot after a moment."""
        fault = self.message_fault()
        for _ in range({"lost": 0, "twice": 2}.get(fault or "", 1)):
            way = 20.0 if fault == "late" else 0.01
            self.world.after(self.world.random.uniform(0.1, 1.0) * way, lambda: self._come(job_id))

    def states(self) -> dict[str, str]:
        with self.database.read() as connection:
            return {row.id: row.state for row in connection.execute(jobs.select())}

    def all_final(self) -> bool:
        return all(state in FINAL for state in self.states().values())

    def unfinished(self) -> int:
        found = self.database.raw.execute(
            "SELECT count(*) FROM order_worker_jobs"
            " WHERE state IN ('waiting', 'running', 'in_doubt')"
        )
        return int(found.fetchone()[0])

    @property
    def runs(self) -> list[Thread]:
        """The runs that have begun, and not ended."""
        threads = [thread for worker in self.workers for thread in worker.threads]
        return [thread for thread in threads if thread and not thread.dispatches]

    def has_dispatcher(self, seconds: float) -> bool:
        """Whether one of them makes its rounds, and has not stood still for so long."""
        threads = [each for worker in self.workers for each in worker.threads]
        of_those_that_stay = [each for each in threads if not each.worker.is_leaving]
        before = self.world.now - seconds
        return any(e.dispatches and e.stands_still_until() <= before for e in of_those_that_stay)

    def kill_one(self) -> bool:
        """Kill a run where it waits; whether there was one."""
        alive = self.runs
        if alive:
            self.world.random.choice(alive).throw()
        return bool(alive)

    def kill(self, worker: Worker, restarted_in: float) -> None:
        """End a process as SIGKILL would; its supervisor starts another one."""
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        for thread in worker.threads:
            thread.throw()
        self.world.after(restarted_in, self.start_worker)

    def end(self, worker: Worker, restarted_in: float) -> None:
        """Tell a process to end: it claims nothing any more, and ends when its calls have."""
        if not worker.is_leaving:
            worker.is_leaving = True
            self.world.after(restarted_in, self.start_worker)
            self.world.changed()

    def _dispatch(self, worker: Worker) -> None:
        def publish(message: Message) -> bool:
            self.publish(message.job.id)
            return True

        dispatcher = Dispatcher(self.ledger, worker.name, self.slots, publish)
        while not worker.is_leaving:
            try:
                seconds = dispatcher.round()
            except LedgerUnavailable:
                seconds = AFTER_ERROR
            self.world.sleep_until_change(seconds)
        with suppress(LedgerUnavailable):
            dispatcher.leave()
        while worker.free < self.slots:
            self.world.sleep(0.1)
        self.workers.remove(worker)

    def _come(self, job_id: str) -> None:
        self.queue.append(job_id)
        self._deliver()

    def _deliver(self) -> None:
        ready = [worker for worker in self.workers if worker.free and not worker.is_leaving]
        if not ready or not self.queue:
            return
        worker = self.world.random.choice(ready)
        worker.free -= 1
        worker.threads = [thread for thread in worker.threads if not thread.dead]
        job_id = self.queue.pop(0)
        worker.threads.append(self.world.spawn(self._run, worker, job_id, worker=worker))

    def _run(self, worker: Worker, job_id: str) -> None:
        """What a task does with its message: see `tasks.JobTask`."""

        def is_leaving() -> bool:
            return worker.is_leaving

        executor = Executor(
            self.ledger,
            {self.provider.seller: self.provider},
            self.world,
            worker.name,
            jitter=self.world.random.random,
            leaving=is_leaving,
        )
        try:
            Outage(self.world, is_leaving).sit_out(lambda: executor.run(job_id))
        except LedgerUnavailable:
            self.publish(job_id)
        finally:
            worker.free += 1
            if self.queue:
                self.world.after(0.0, self._deliver)

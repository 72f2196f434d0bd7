"""A world with one virtual clock, in which several workers run as one deterministic program.

Everything that waits is a greenlet: the dispatchers, the slots, the network. Exactly one runs
at a time, and the clock moves only when all of them sleep. The ledger is the real one on SQLite
in memory; no transaction is ever open while a greenlet sleeps, which `sleep` asserts.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from tests.simulation.memory import the_ledger
from worker.dispatcher import Dispatcher
from worker.domain.jobs import FINAL, Policy, Request
from worker.executor import Executor
from worker.ledger import acceptance
from worker.ledger.acceptance import Accepted, Terms
from worker.ledger.continuations import Message
from worker.ledger.ledger import Ledger
from worker.ledger.schema import jobs

START = 1_800_000_000.0  # some second after the epoch


class Stuck(AssertionError):
    """The world came to an end before its condition was met."""


class World:
    """Time, chance, and what happens next."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = START
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, greenlet]] = []
        self._hub = getcurrent()
        self._sleepers: list[tuple[greenlet, int]] = []
        self._cancelled: set[int] = set()
        self.open_transactions = 0
        self.notice = (0.0, 0.02)  # seconds from a commit until those who sleep see it

    def time(self) -> float:
        return self.now

    monotonic = time

    def spawn(self, what: Callable[..., Any], *args: Any, after: float = 0.0) -> greenlet:
        new = greenlet(lambda: what(*args), parent=self._hub)
        self._at(self.now + after, new)
        return new

    def sleep(self, seconds: float) -> None:
        assert not self.open_transactions, "a transaction is open while somebody waits"
        self._at(self.now + max(0.0, seconds), getcurrent())
        self._hub.switch()

    def sleep_until_change(self, seconds: float) -> None:
        """Sleep, but be woken soon after the next commit, as a dispatcher is."""
        ticket = self._at(self.now + max(0.0, seconds), getcurrent())
        self._sleepers.append((getcurrent(), ticket))
        self._hub.switch()

    def changed(self) -> None:
        """Somebody has committed."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper, ticket in sleepers:
            if ticket not in self._cancelled:
                self._cancelled.add(ticket)
                self._at(self.now + self.random.uniform(*self.notice), sleeper)

    def run(self, until: Callable[[], bool], seconds: float) -> float:
        """Let the world go on until the condition holds; how many seconds that took."""
        begun = self.now
        while not until():
            if not self._agenda or self.now - begun > seconds:
                raise Stuck(f"not reached after {self.now - begun:.1f} s")
            at, ticket, next_one = heapq.heappop(self._agenda)
            if ticket in self._cancelled:
                self._cancelled.discard(ticket)
                continue
            self._sleepers = [each for each in self._sleepers if each[1] != ticket]
            self.now = max(self.now, at)
            if not next_one.dead:
                next_one.switch()
        return self.now - begun

    def go_on_for(self, seconds: float) -> None:
        """Let the world go on for a while."""
        until = self.now + seconds
        self.spawn(lambda: None, after=seconds)
        self.run(lambda: self.now >= until, seconds)

    def _at(self, moment: float, who: greenlet) -> int:
        ticket = next(self._order)
        heapq.heappush(self._agenda, (moment, ticket, who))
        return ticket


class Fleet:
    """Workers on one ledger and one broker, against a model of the provider."""

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
        self.free = {f"worker-{number}": slots for number in range(workers)}
        self.queue: list[str] = []
        self.runs: list[greenlet] = []
        self.lost_messages = 0.0  # share of the messages that never arrive
        self.losing = 0  # messages, the next ones, that do not arrive either
        self.kill_at: str | None = None  # the point at which the next run to get there is killed
        self.ids = (f"job-{number:05d}" for number in itertools.count(1))
        for worker in self.free:
            world.spawn(self._dispatch, worker)

    def accept(self, request: Request, **terms: Any) -> Accepted:
        accepted = acceptance.accept(
            self.ledger, request, Terms(next(self.ids), "producer", **terms)
        )
        if accepted.runs_now:
            self.publish(accepted.job_id)
        return accepted

    def publish(self, job_id: str) -> None:
        """A message: it reaches some worker with a free slot after a moment."""
        if self.losing:
            self.losing -= 1
            return
        if self.world.random.random() < self.lost_messages:
            return
        self.queue.append(job_id)
        self.world.spawn(self._deliver, after=self.world.random.uniform(0.001, 0.01))

    def states(self) -> dict[str, str]:
        with self.database.read() as connection:
            return {row.id: row.state for row in connection.execute(jobs.select())}

    def all_final(self) -> bool:
        return all(state in FINAL for state in self.states().values())

    def unfinished(self) -> int:
        with self.database.read() as connection:
            return connection.exec_driver_sql(
                "SELECT count(*) FROM order_worker_jobs"
                " WHERE state IN ('waiting', 'running', 'in_doubt')"
            ).scalar_one()

    def _dispatch(self, worker: str) -> None:
        def publish(message: Message) -> bool:
            self.publish(message.job.id)
            return True

        dispatcher = Dispatcher(self.ledger, worker, self.slots, publish)
        dispatcher.prepare()
        while True:
            self.world.sleep_until_change(dispatcher.round())

    def _deliver(self) -> None:
        ready = [worker for worker, free in self.free.items() if free]
        if not ready or not self.queue:
            return
        worker = self.world.random.choice(ready)
        job_id = self.queue.pop(0)
        self.free[worker] -= 1
        self.runs = [run for run in self.runs if not run.dead]
        self.runs.append(self.world.spawn(self._run, worker, job_id))

    def kill_one(self) -> bool:
        """Kill a run where it waits, as SIGKILL would; whether there was one."""
        alive = [run for run in self.runs if run]  # begun, and not ended
        if alive:
            self.world.random.choice(alive).throw()
        return bool(alive)

    def point(self, name: str) -> None:
        """In the place of `crash.point`: ends the run that gets there, if it is to."""
        if name == self.kill_at:
            self.kill_at = None
            raise GreenletExit

    def _run(self, worker: str, job_id: str) -> None:
        try:
            self._execute(worker, job_id)
        finally:
            self.free[worker] += 1
            if self.queue:
                self.world.spawn(self._deliver)

    def _execute(self, worker: str, job_id: str) -> None:
        executor = Executor(
            self.ledger,
            {self.provider.seller: self.provider},
            self.world,
            worker,
            jitter=self.world.random.random,
        )
        executor.run(job_id)

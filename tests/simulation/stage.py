"""The stage of a history: its acts one after the other, and its faults where they are due."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.simulation import truths
from tests.simulation.diligence import Diligence
from tests.simulation.fleet import Fleet
from tests.simulation.history import HOUR, POLICIES, QUOTAS, Act, History
from tests.simulation.mischief import Mischief
from tests.simulation.model import cancel, confirm
from tests.simulation.shop import ShopsProvider
from tests.simulation.witness import Witness
from tests.simulation.world import START, World, Wrong
from worker.domain.jobs import Request
from worker.domain.staleness import ShopOrder, StalePolicy
from worker.errors import BadInput, LedgerUnavailable
from worker.ledger import acceptance, keeping, retries, withdrawals
from worker.ledger.acceptance import Terms
from worker.producers import Producers
from worker.sweeps.stale import StaleSweep

STALE = StalePolicy("acme", every=3600.0, after=5.0, states=("Open",), limit=100)
REST = 1800.0  # seconds in which everything comes to rest once nothing goes wrong any more


class RolledBackError(Exception):
    """The shop's own transaction came to nothing."""


class Stage:
    """The shop, its fleet and its provider in one history."""

    def __init__(self, history: History, seen: Counter[str], *, traced: bool) -> None:
        self.history = history
        self.seen = seen
        self.trace: list[str] = []
        self.world = world = World(history.seed)
        world.notice = (0.05, 0.5)  # one look sees what several have done, which is faster
        self.provider = ShopsProvider(world, quotas=QUOTAS, delay=lambda _cold: 0.08)
        self.witness = self.provider.witness = Witness(self.provider, seen)
        self.fleet = Fleet(
            world,
            self.provider,
            workers=history.workers,
            slots=history.slots,
            policy=POLICIES[history.policy],
        )
        self.mischief = Mischief(self.fleet, history.faults, seen)
        world.time_passes = Diligence(self.fleet, self.witness, self.mischief).look
        self.fleet.message_fault = self.mischief.of_message
        self.provider.fault = self.mischief.of_call
        self.fleet.database.troubled_by(self.mischief)
        self.fleet.database.watched_by(self.witness.watch)
        if traced:
            self._trace()
        door = Producers(self.fleet.ledger, {"acme": self.provider})
        self.sweeps = StaleSweep(
            self.fleet.ledger, {"acme": STALE}, door, lambda: next(self.fleet.ids)
        )
        self.jobs: list[str] = []
        self.undone: list[str] = []

    def play(self) -> None:
        for order, beginning in enumerate(self.history.orders, start=1):
            if beginning != "new":
                self._begin_with(name(order), beginning)
        for act in self.history.acts:
            if act.after:
                self.world.go_on_for(act.after)
            self._act(act)
        self.world.go_on_for(1.0)
        self.mischief.ends()
        self.provider.meanwhile = {}
        self._come_to_rest()
        self._retry("by hand")  # what had failed until now, too
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        rest = REST + HOUR * self.seen["the clock is set"]
        self.world.run(lambda: not self.fleet.unfinished(), rest)
        self.world.go_on_for(1.0)
        if wrongs := truths.at_rest(self):
            raise Wrong("\n".join(wrongs))

    def _act(self, act: Act) -> None:
        acts: dict[str, Callable[..., object]] = {
            "checkout": self._checkout,
            "crowd": self._crowd,
            "cancel": self._cancel,
            "does": lambda order, what: self._do(what, name(order)),
            "sweep": self._sweep,
            "withdraw": self._withdraw,
            "retry": self._retry,
            "calls go wrong": self._calls_go_wrong,
            "a process is to end": self._end_process,
            "a run is killed": self._kill_run,
            "a run is stopped": self._stop_run,
            "a process is killed": self._kill_process,
            "a process is stopped": self._stop_process,
            "the ledger is away": self._ledger_away,
            "lookups fail": self._lookups_fail,
            "the provider is away": self._provider_away,
            "others call": self._others_call,
            "the clock is set": self._set_clock,
        }
        self.seen[act.what] += 1
        with suppress(LedgerUnavailable):  # whoever asked is told so
            acts[act.what](*act.words)
        if self.world.wrongs:
            raise Wrong("\n".join(self.world.wrongs))

    # what the shop and its people do

    def _checkout(self, order: int, how: str) -> None:
        if how == "rolled back":
            self._roll_back(confirm(order))
        for _ in range({"once": 1, "twice": 2}.get(how, 0)):
            self._ask(confirm(order))

    def _crowd(self, people: int, what: str) -> None:
        """More at once than there are tokens, of orders that nobody else is at."""
        for order in range(10, 10 + people):
            self._ask(confirm(order) if what == "confirm" else cancel(order))

    def _cancel(self, order: int, due_in: float) -> None:
        self._ask(cancel(order, reason="changed my mind", priority=10), due_in=due_in)

    def _sweep(self, orders: tuple[int, ...], moment: str, meanwhile: str | None) -> None:
        """Of what the ledger knows to be stale, or of the shop's own orders."""
        if meanwhile is not None:
            self.provider.meanwhile[moment] = lambda order_id: self._do(meanwhile, order_id)
        given = [ShopOrder(name(order)) for order in orders] or None
        self.jobs += self.sweeps.run("acme", given).jobs.values()

    def _withdraw(self, which: int) -> None:
        for job_id in self.jobs[-1 - which :][:1]:
            withdrawals.withdraw(self.fleet.ledger, job_id, "somebody", "not wanted any more")

    def _retry(self, how: str) -> None:
        ledger, by_schedule = self.fleet.ledger, how == "by schedule"
        if by_schedule:
            due = retries.due_for_retry(ledger, since=3600.0, at_most=2, limit=10)
            failed = [each.job_id for each in due if each.why_not is None]
        else:
            failed = [each.job.id for each in retries.failed(ledger)]
        for job_id in failed:
            retries.retry(ledger, job_id, actor="somebody", by_schedule=by_schedule)
            self.seen["a job was retried"] += 1

    def _do(self, what: str, order_id: str) -> None:
        order = int(order_id.rpartition("-")[2])
        deeds: dict[str, Callable[[], object]] = {
            "authorize": lambda: self.provider.authorize(order_id),
            "capture": lambda: self.provider.capture(order_id),
            "close": lambda: self.provider.ends(order_id, "Closed"),
            "cancel at Amazon": lambda: self.provider.ends(order_id, "Canceled"),
            "keep": lambda: self._keep(order_id, kept=True),
            "release": lambda: self._keep(order_id, kept=False),
            "checkout": lambda: self._ask(confirm(order)),
            "cancel": lambda: self._cancel(order, 0.0),
            "withdraw": lambda: self._withdraw(0),
        }
        with suppress(LedgerUnavailable):
            deeds[what]()

    def _begin_with(self, order_id: str, beginning: str) -> None:
        """An order that was opened long ago, and perhaps paid since."""
        self.provider.orders[order_id] = "Open"
        self.provider.opened.add(order_id)
        self.fleet.database.raw.execute(
            "INSERT INTO order_worker_orders (seller, order_id, state, state_at, in_doubt)"
            " VALUES ('acme', ?, 'Open', ?, false)",
            (order_id, START - 1000.0),
        )
        if beginning != "open":
            self._do(beginning, order_id)

    def _ask(self, request: Request, **words: Any) -> None:
        """Ask for a job, and ask again with the same id if nobody knows whether it was taken."""
        terms = Terms(next(self.fleet.ids), "producer", **words)
        for _ in range(2):
            with suppress(BadInput, LedgerUnavailable):  # the same key with another reason
                accepted = acceptance.accept(self.fleet.ledger, request, terms)
                self.jobs.append(accepted.job_id)
                if accepted.runs_now:
                    self.fleet.publish(accepted.job_id)
                return

    def _roll_back(self, request: Request) -> None:
        job_id, ledger = next(self.fleet.ids), self.fleet.ledger
        with suppress(RolledBackError), ledger.database.write() as connection:
            acceptance.accept_within(ledger, connection, request, Terms(job_id, "shop"))
            raise RolledBackError
        self.undone.append(job_id)

    def _keep(self, order_id: str, *, kept: bool) -> None:
        if not kept:
            self.witness.kept.discard(order_id)
        keeping.keep(self.fleet.ledger, "acme", order_id, actor="somebody", why=None, kept=kept)
        if kept:  # and whoever asked was told so
            self.witness.kept.add(order_id)

    # what goes wrong by itself

    def _calls_go_wrong(self, operation: str, fault: str, times: int) -> None:
        self.mischief.scripts.setdefault(operation, []).extend([fault] * times)

    def _kill_run(self) -> None:
        self.mischief.disturbed("a run was killed", 20.0) if self.fleet.kill_one() else None

    def _stop_run(self, seconds: float) -> None:
        if runs := self.fleet.runs:
            self.world.random.choice(runs).still_until = self.world.now + seconds
            self.mischief.disturbed("a run was stopped", seconds)

    def _kill_process(self, restarted_in: float) -> None:
        if self.fleet.workers:
            self.fleet.kill(self.world.random.choice(self.fleet.workers), restarted_in)
            self.mischief.disturbed("a process was killed", 20.0 + restarted_in)

    def _end_process(self, restarted_in: float) -> None:
        if self.fleet.workers:
            worker = self.world.random.choice(self.fleet.workers)
            self.fleet.end(worker, restarted_in)
            self.mischief.disturbed("a process was told to end", 10.0 + restarted_in)

    def _stop_process(self, seconds: float) -> None:
        if self.fleet.workers:
            self.world.random.choice(self.fleet.workers).still_until = self.world.now + seconds
            self.mischief.disturbed("a process was stopped", seconds)

    def _ledger_away(self, seconds: float) -> None:
        self.mischief.ledger_away_until = self.world.now + seconds
        self.mischief.disturbed("the ledger was away", seconds + 20.0)

    def _lookups_fail(self, seconds: float) -> None:
        self.mischief.lookups_fail_until = self.world.now + seconds

    def _provider_away(self, seconds: float) -> None:
        self.mischief.provider_away_until = self.world.now + seconds

    def _others_call(self, operation: str, times: int) -> None:
        self.provider.others_call(operation, times)

    def _set_clock(self, seconds: float) -> None:
        self.world.skew += seconds
        self.witness.clock_was_set = True
        if seconds > 0:
            self.provider.credit()
        self.world.changed()

    def _trace(self) -> None:
        wrote = self.witness.watch.wrote

        def traced(*row: Any) -> None:
            self.trace.append(f"{self.world.now:.6f} {row}")
            wrote(*row)

        self.witness.watch.wrote = traced


def name(order: int) -> str:
    return confirm(order).order_id

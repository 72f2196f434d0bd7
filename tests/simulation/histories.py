"""Histories of a shop: what anybody may do with its orders, in any sequence, on a virtual clock."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation import truths
from tests.simulation.memory import the_ledger
from tests.simulation.model import CALL_TIMEOUT, FAULTS, cancel, confirm
from tests.simulation.shop import ASKED, READ, SENT, ShopsProvider
from tests.simulation.world import START, Fleet, World
from worker import crash
from worker.domain.jobs import Policy, Request, Task
from worker.domain.staleness import ShopOrder, StalePolicy
from worker.errors import BadInput
from worker.ledger import acceptance, keeping, retries, withdrawals
from worker.ledger.acceptance import Terms
from worker.producers import Producers
from worker.sweeps.stale import StaleSweep

GIVE_UP_AFTER = {Task.CONFIRM: 900.0, Task.CANCEL: 900.0}
PATIENT = Policy(call_timeout=CALL_TIMEOUT, give_up_after=GIVE_UP_AFTER, doubt_limit=300.0)
# Jobs fail, with an outcome that is known or not, and are retried.
HASTY = replace(PATIENT, max_attempts=1, doubt_limit=5.0)
QUOTAS = {
    "ConfirmOrderReference": (3.0, 0.5),
    "CancelOrderReference": (3.0, 0.5),
    "GetOrderReferenceDetails": (6.0, 1.0),
}
STALE = StalePolicy("acme", every=3600.0, after=5.0, states=("Open",), limit=100)
REST = 4 * 3600.0  # seconds in which everything comes to rest
POINTS = ("after_claim", "after_check", "after_answer")  # where a run may be killed

BEGINNINGS = ("new", "open", "authorize", "capture")
DEEDS = ("authorize", "capture", "close", "cancel at Amazon", "keep", "release")

ORDERS = st.integers(1, 3)
FAULT = st.sampled_from(FAULTS)
MEANWHILE = st.sampled_from(["authorize", "capture", "keep", "checkout", "cancel", "withdraw"])
SECONDS = st.sampled_from([0.0, 0.1, 0.3, 3.0, 12.0, 60.0])
SEEN: Counter[str] = Counter()  # how often histories got where they are meant to get


class RolledBackError(Exception):
    """The shop's own transaction came to nothing."""


class ShopHistory(RuleBasedStateMachine):
    @initialize(
        seed=st.integers(0, 99),
        workers=st.integers(1, 2),
        slots=st.integers(1, 3),
        policy=st.sampled_from([PATIENT, HASTY]),
        orders=st.lists(st.sampled_from(BEGINNINGS), min_size=3, max_size=3),
    )
    def begin(self, seed: int, workers: int, slots: int, policy: Policy, orders: list[str]) -> None:
        world = World(seed)
        world.notice = (0.02, 0.2)  # one look sees what several have done, which is faster
        self.provider = ShopsProvider(world, quotas=QUOTAS, delay=lambda _cold: 0.08)
        self.witness = self.provider.witness
        self.witness.ledger = the_ledger().raw
        self.fleet = Fleet(world, self.provider, workers=workers, slots=slots, policy=policy)
        crash.point = self.fleet.point
        door = Producers(self.fleet.ledger, {"acme": self.provider})
        self.sweeps = StaleSweep(
            self.fleet.ledger, {"acme": STALE}, door, lambda: next(self.fleet.ids)
        )
        for order, beginning in enumerate(orders, start=1):
            if beginning != "new":
                self._begin_with(name(order), beginning)
        self.jobs: list[str] = []
        self.undone: list[str] = []

    @rule(
        order=ORDERS,
        how=st.sampled_from(["once", "twice", "rolled back"]),
        fault=st.none() | FAULT,
        seconds=SECONDS,
    )
    def checkout(self, order: int, how: str, fault: str | None, seconds: float) -> None:
        self._goes_wrong("ConfirmOrderReference", fault)
        if how == "rolled back":
            self._roll_back(confirm(order))
        for _ in range({"once": 1, "twice": 2}.get(how, 0)):
            self._ask(confirm(order))
        self.time_passes(seconds)

    @rule(order=ORDERS, due_in=st.sampled_from([0.0, 30.0]))
    def somebody_cancels(self, order: int, due_in: float) -> None:
        self._ask(cancel(order, reason="changed my mind", priority=10), due_in=due_in)

    @rule(order=ORDERS, what=st.sampled_from(DEEDS))
    def somebody_does(self, order: int, what: str) -> None:
        self._do(what, name(order))

    @rule(
        orders=st.none() | st.lists(ORDERS, unique=True, min_size=1),
        fault=st.none() | FAULT,
        meanwhile=st.none() | st.tuples(st.sampled_from([ASKED, READ, SENT]), MEANWHILE),
        seconds=SECONDS,
    )
    def sweep(
        self,
        orders: list[int] | None,
        fault: str | None,
        meanwhile: tuple[str, str] | None,
        seconds: float,
    ) -> None:
        """Of what the ledger knows to be stale, or of the shop's own orders."""
        self._goes_wrong("CancelOrderReference", fault)
        if meanwhile is not None:
            moment, what = meanwhile
            self.provider.meanwhile[moment] = lambda order_id: self._do(what, order_id)
        given = orders and [ShopOrder(name(order)) for order in orders]
        self.jobs += self.sweeps.run("acme", given).jobs.values()
        self.time_passes(seconds)

    @rule(which=st.integers(0, 3))
    def somebody_withdraws(self, which: int) -> None:
        for job_id in self.jobs[-1 - which :][:1]:
            withdrawals.withdraw(self.fleet.ledger, job_id, "somebody", "not wanted any more")

    @rule(by_schedule=st.booleans())
    def retry(self, by_schedule: bool) -> None:
        ledger = self.fleet.ledger
        if by_schedule:
            due = retries.due_for_retry(ledger, since=3600.0, at_most=2, limit=10)
            failed = [each.job_id for each in due if each.why_not is None]
        else:
            failed = [each.job.id for each in retries.failed(ledger)]
        for job_id in failed:
            retries.retry(ledger, job_id, actor="somebody", by_schedule=by_schedule)
            SEEN["a job was retried"] += 1

    @rule(operation=st.sampled_from(sorted(QUOTAS)), fault=FAULT, times=st.integers(1, 3))
    def calls_go_wrong(self, operation: str, fault: str, times: int) -> None:
        self._goes_wrong(operation, *[fault] * times)

    @rule(what=st.sampled_from(["a run", "a message", *POINTS]))
    def lost(self, what: str) -> None:
        """A message, the run that is under way, or the next one that gets to some point."""
        if what == "a run":
            self.fleet.kill_one()
        elif what == "a message":
            self.fleet.losing = 1
        else:
            self.fleet.kill_at = what

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.fleet.world.go_on_for(seconds)

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "fleet"):
            assert not self.witness.wrongs, self.witness.wrongs
            truths.at_any_moment(self)

    def teardown(self) -> None:
        if not hasattr(self, "fleet"):
            return
        SEEN["a history was played"] += 1
        self.provider.faults, self.provider.meanwhile = {}, {}
        self.fleet.losing, self.fleet.kill_at = 0, None
        self._come_to_rest()
        self.retry(by_schedule=False)  # what had failed until now, too
        self._come_to_rest()
        SEEN.update(self.witness.seen)

    def _come_to_rest(self) -> None:
        self.fleet.world.run(lambda: not self.fleet.unfinished(), REST)
        self.nothing_is_wrong()
        truths.at_rest(self)

    def _ask(self, request: Request, **terms: Any) -> None:
        with suppress(BadInput):  # the same key with another reason
            self.jobs.append(self.fleet.accept(request, **terms).job_id)

    def _goes_wrong(self, operation: str, *faults: str | None) -> None:
        script = self.provider.faults.setdefault(operation, [])
        script.extend(fault for fault in faults if fault)

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
            "cancel": lambda: self.somebody_cancels(order, 0.0),
            "withdraw": lambda: self.somebody_withdraws(0),
        }
        deeds[what]()

    def _begin_with(self, order_id: str, beginning: str) -> None:
        """An order that was opened long ago, and perhaps paid since."""
        self.provider.orders[order_id] = "Open"
        the_ledger().raw.execute(
            "INSERT INTO order_worker_orders (seller, order_id, state, state_at, in_doubt)"
            " VALUES ('acme', ?, 'Open', ?, false)",
            (order_id, START - 1000.0),
        )
        if beginning != "open":
            self._do(beginning, order_id)

    def _roll_back(self, request: Request) -> None:
        job_id, ledger = next(self.fleet.ids), self.fleet.ledger
        with suppress(RolledBackError), ledger.database.write() as connection:
            acceptance.accept_within(ledger, connection, request, Terms(job_id, "shop"))
            raise RolledBackError
        self.undone.append(job_id)

    def _keep(self, order_id: str, *, kept: bool) -> None:
        keeping.keep(self.fleet.ledger, "acme", order_id, actor="somebody", why=None, kept=kept)
        (self.witness.kept.add if kept else self.witness.kept.discard)(order_id)


def name(order: int) -> str:
    return confirm(order).order_id

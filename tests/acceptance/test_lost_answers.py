"""Every way to lose an answer, at each point at which a worker can die, at both providers.

The real executor, dispatcher, ledger and providers against the sandbox, over real connections; the
waits alone are not waited for: one clock that a sleep moves on is everybody's. Each job must end
in the state that is true at the provider, with one effect, and not be sent again without lookups,
also where these lag behind or fail for an hour.
"""

import itertools
import logging
from dataclasses import dataclass, field

import pytest
from processes import PLENTY, SECRETS, SELLER_ID, USER_ID

from worker import crash, dispatcher
from worker.crash import POINTS
from worker.dispatcher import Dispatcher
from worker.domain.jobs import FINAL, Policy, Request, Task
from worker.executor import Executor
from worker.ledger import acceptance, upgrade
from worker.ledger.acceptance import Terms
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.schema import jobs
from worker.ledger.verification import replay
from worker.providers.sellers import Sellers, provider_class
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

CALL_TIMEOUT = 0.4  # real seconds: what is never answered is waited for
SLOW = 0.8
HOUR = 3600.0
LAG = 8.0  # seconds, below doubt_wait: two lookups believe what both have read
PARENT = "4711"
AMAZON = ("ConfirmOrderReference", "CancelOrderReference", "GetOrderReferenceDetails")
CENTER = ("SetStatusToCanceled", "GetOrderItems")
LOOKUPS = {"GetOrderReferenceDetails", "GetOrderItems"}


@dataclass(frozen=True)
class Case:
    """A write, and how its order is named and staged; orders are numbered by the caller."""

    name: str
    task: Task
    write: str
    seller: str
    order: str
    state: str | None = None
    words: dict = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()


HTML = {"body": "html"}
EVERYWHERE = {
    "time-out": {"delay": SLOW},
    "reset": {"cut": True},
    "500": {"answer": {"status": 500, **HTML}},
    "502": {"answer": {"status": 502, **HTML}},
    "504": {"answer": {"status": 504, **HTML}},
    "empty": {"answer": {"status": 200, "body": "empty"}},
    "torn": {"answer": {"status": 200, "body": "truncated"}},
    "elsewhere": {
        "answer": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}, **HTML}
    },
    "404 without a code": {"answer": {"status": 404, **HTML}},
}
OF_AMAZON = {
    "InternalServerError": {"answer": {"status": 500, "code": "InternalServerError"}},
    "ServiceUnavailable": {"answer": {"status": 503, "code": "ServiceUnavailable"}},
}
OF_CENTER = {
    "E006": {"answer": {"code": "E006"}},
    "E021": {"answer": {"code": "E021"}},
}
FAULTS = EVERYWHERE | OF_AMAZON | OF_CENTER
CASES = (
    Case(
        "confirm",
        Task.CONFIRM,
        "ConfirmOrderReference",
        "acme",
        "S01-0000000-{:07}",
        outcomes=(*EVERYWHERE, *OF_AMAZON),
    ),
    Case(
        "cancel",
        Task.CANCEL,
        "CancelOrderReference",
        "acme",
        "S01-0000001-{:07}",
        "Open",
        {"reason": "out of stock"},
        (*EVERYWHERE, *OF_AMAZON),
    ),
    Case(
        "item",
        Task.CANCEL,
        "SetStatusToCanceled",
        "mall",
        "10{:05}",
        "pending",
        {"reason": "SHORTAGE", "parent_order_id": PARENT},
        (*EVERYWHERE, *OF_CENTER),
    ),
    Case(
        "item without its parent order",
        Task.CANCEL,
        "SetStatusToCanceled",
        "mall",
        "20{:05}",
        "pending",
        {"reason": "SHORTAGE"},
        (*EVERYWHERE, *OF_CENTER),
    ),
)
READING = ("at once", "lagging", "failing for an hour")


class Moved:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Killed(BaseException):
    """The worker dies here: nothing of it is written."""


class World:
    """A ledger, a sandbox and one worker that dies where it is told to, on one clock."""

    def __init__(self, path, sandbox, clock):
        self.clock, self.sandbox = clock, sandbox
        self.database = Database(f"sqlite:///{path}", clock=clock.time)
        upgrade.upgrade(self.database)
        sellers = Sellers(
            {"acme": lambda: self.provider("acme"), "mall": lambda: self.provider("mall")}, set()
        )
        policy = Policy(call_timeout=10.0)
        self.ledger = Ledger(self.database, sellers, policy)
        self.executor = Executor(self.ledger, sellers, clock, "worker", lambda: 0.5)
        self.messages = []
        self.dispatcher = Dispatcher(self.ledger, "worker", 50, self.publish)
        self.dies_at = {}
        self.at_hand = None
        self.numbers = itertools.count(1)

    def provider(self, seller):
        options = {
            "acme": {
                "region": "na",
                "environment": "sandbox",
                "seller_id": SELLER_ID,
                "access_key": SECRETS["ACME_ACCESS_KEY"],
                "secret_key": SECRETS["ACME_SECRET_KEY"],
                "quotas": _quotas(AMAZON),
            },
            "mall": {
                "user_id": USER_ID,
                "api_key": SECRETS["MALL_API_KEY"],
                "quotas": _quotas(CENTER),
            },
        }[seller]
        kind = "amazon_pay" if seller == "acme" else "seller_center"
        options |= {"provider": kind, "endpoint": self.sandbox.url, "margin": 0.0}
        return provider_class(kind).from_configuration(
            seller,
            options,
            call_timeout=CALL_TIMEOUT,
            user_agent="order-worker/0.1 (Language=Python)",
            clock=self.clock.time,
            on_sent=lambda: self.point("after_sending"),
        )

    def publish(self, message):
        self.messages.append(message.job.id)
        return True

    def point(self, name):
        if self.dies_at.get(self.at_hand) == name:
            del self.dies_at[self.at_hand]
            raise Killed

    def record(self, case, dies_at):
        """A job of a new order, whose first worker dies at a point or not at all."""
        order = case.order.format(next(self.numbers))
        if case.state:
            parent = {"parent": PARENT} if case.seller == "mall" else {}
            self.sandbox.stage(order, state=case.state, **parent)
        request = Request(case.task, case.seller, order, **case.words)
        job_id = f"{case.name} {order}"
        acceptance.accept(self.ledger, request, Terms(job_id, "test", may_publish=False))
        if dies_at:
            self.dies_at[job_id] = dies_at
        return order

    def work(self, until):
        for _ in range(2000):
            if until():
                return
            seconds = self.dispatcher.round()
            messages, self.messages = self.messages, []
            for self.at_hand in messages:
                try:
                    self.executor.run(self.at_hand)
                except Killed:
                    continue
            if not messages:
                self.clock.sleep(max(seconds, 0.01))
        raise AssertionError(self.states())

    def states(self):
        with self.database.read() as connection:
            return {row.id: row for row in connection.execute(jobs.select())}

    def all_final(self):
        return all(row.state in FINAL for row in self.states().values())


def _quotas(operations):
    capacity, rate = PLENTY
    return {name: {"capacity": capacity, "restore_rate": rate} for name in operations}


@pytest.fixture
def world(tmp_path, monkeypatch):
    clock = Moved()
    monkeypatch.setattr(dispatcher, "LONGEST", HOUR)  # a wake-up that is missed would show
    logging.getLogger("worker").setLevel(logging.CRITICAL)
    accounts = [
        AmazonPayAccount(
            SELLER_ID,
            SECRETS["ACME_ACCESS_KEY"],
            SECRETS["ACME_SECRET_KEY"],
            quotas=dict.fromkeys(AMAZON, PLENTY),
        ),
        SellerCenterAccount(USER_ID, SECRETS["MALL_API_KEY"], quotas=dict.fromkeys(CENTER, PLENTY)),
    ]
    with Sandbox(accounts, clock=clock.time) as sandbox:
        world = World(tmp_path / "ledger.db", sandbox, clock)
        monkeypatch.setattr(crash, "point", world.point)
        yield world
        world.database.engine.dispose()
    logging.getLogger("worker").setLevel(logging.NOTSET)


@pytest.mark.parametrize("reading", READING)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_whatever_is_lost_the_job_ends_as_it_is_at_the_provider(world, case, reading):
    sandbox = world.sandbox
    made = {}
    for outcome, when, dies_at in itertools.product(
        case.outcomes, ("before", "after"), (None, *POINTS)
    ):
        order = world.record(case, dies_at)
        made[order] = f"{outcome} {when} it is applied, killed {dies_at}"
        match = {"operation": case.write, "order_id": order}
        sandbox.add_fault(match=match, when=when, **FAULTS[outcome])
    if reading == "lagging":
        sandbox.switch(read_lag_s=LAG)
    if reading == "failing for an hour":
        begun = world.clock.now
        for operation in LOOKUPS:
            match = {"operation": operation}
            sandbox.add_fault(match=match, times=None, answer={"status": 500, "body": "html"})
        world.work(lambda: world.all_final() or world.clock.now - begun > HOUR)
        sandbox.clear_faults()
    world.work(world.all_final)

    ended = {row.order_id: row for row in world.states().values()}
    wrong = [
        (what, row.state, row.error, sandbox.order(order)["changed"])
        for order, what in made.items()
        if (row := ended[order]).state != "succeeded"
        or sandbox.order(order)["changed"] != {case.write: 1}
        or row.receipt["basis"] not in ({"own", "inferred"} if _is_blind(case) else {"own"})
    ]
    assert wrong == []
    assert [f"{made[one.order_id]}: {one.what}" for one in replay.findings(world.ledger)] == []
    if not _is_blind(case):
        assert blindly_sent(sandbox, case.write) == []


def _is_blind(case):
    return case.seller == "mall" and "parent_order_id" not in case.words


def blindly_sent(sandbox, write):
    """The orders of which the write reached the provider twice, and no lookup came between."""
    sent, blind = set(), []
    for entry in sandbox.requests():
        if entry.operation == write:
            if entry.order_id in sent:
                blind.append(entry.order_id)
            sent.add(entry.order_id)
        elif entry.operation in LOOKUPS:
            sent -= {entry.order_id} if entry.order_id != PARENT else sent
    return blind

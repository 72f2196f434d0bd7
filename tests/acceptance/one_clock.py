"""The real worker and sandbox over real connections, on one clock that a sleep moves on."""

import functools
import itertools
import logging
from contextlib import contextmanager

from processes import PLENTY, SECRETS, SELLER_ID, USER_ID

from worker import crash, dispatcher
from worker.dispatcher import Dispatcher
from worker.domain.jobs import FINAL, Policy
from worker.executor import Executor
from worker.ledger import acceptance, upgrade
from worker.ledger.acceptance import Terms
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.schema import jobs
from worker.providers.sellers import Sellers, provider_class
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

CALL_TIMEOUT = 0.4  # real seconds: what is never answered is waited for
HOUR = 3600.0
PARENT = "4711"
AMAZON = ("ConfirmOrderReference", "CancelOrderReference", "GetOrderReferenceDetails")
CENTER = ("SetStatusToCanceled", "GetOrderItems")


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
        names = ("acme", "euro", "mall")  # of these the second is in a region with SCA
        sellers = Sellers({name: functools.partial(self.provider, name) for name in names})
        policy = Policy(call_timeout=10.0)
        self.ledger = Ledger(self.database, sellers, policy)
        self.executor = Executor(self.ledger, sellers, clock, "worker", lambda: 0.5)
        self.messages = []
        self.dispatcher = Dispatcher(self.ledger, "worker", 50, self.publish)
        self.dies_at = {}
        self.at_hand = None
        self.numbers = itertools.count(1)

    def provider(self, seller):
        amazon = {
            "region": "eu" if seller == "euro" else "na",
            "environment": "sandbox",
            "seller_id": SELLER_ID,
            "access_key": SECRETS["ACME_ACCESS_KEY"],
            "secret_key": SECRETS["ACME_SECRET_KEY"],
            "quotas": _quotas(AMAZON),
        }
        mall = {
            "user_id": USER_ID,
            "api_key": SECRETS["MALL_API_KEY"],
            "quotas": _quotas(CENTER),
        }
        kind = "seller_center" if seller == "mall" else "amazon_pay"
        own = mall if seller == "mall" else amazon
        options = {**own, "provider": kind, "endpoint": self.sandbox.url, "margin": 0.0}
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

    def record(self, request, dies_at=None):
        """A job, whose first worker dies at a point or not at all; its id."""
        job_id = f"job-{next(self.numbers)}"
        acceptance.accept(self.ledger, request, Terms(job_id, "test", may_publish=False))
        if dies_at:
            self.dies_at[job_id] = dies_at
        return job_id

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


@contextmanager
def one_clock(path, monkeypatch):
    """A world that is gone when the block ends."""
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
        world = World(path / "ledger.db", sandbox, clock)
        monkeypatch.setattr(crash, "point", world.point)
        yield world
        world.database.engine.dispose()
    logging.getLogger("worker").setLevel(logging.NOTSET)

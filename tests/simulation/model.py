"""A model of a provider: orders, and buckets that count a call exactly when it arrives."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import World
from worker import holding
from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing

WANTED = {Task.CONFIRM: "Open", Task.CANCEL: "Canceled"}
CALL_TIMEOUT = 10.0  # seconds
BEFORE = {"lost before", "500 before"}  # the call does not get as far as the order
SILENT = {"lost before", "lost after", "late", "very late", "reset"}  # no answer comes
LATE = {  # seconds until a call arrives
    "late": CALL_TIMEOUT,
    "very late": 1.25 * CALL_TIMEOUT,
    "slow": 0.6 * CALL_TIMEOUT,
    "reset": 0.9 * CALL_TIMEOUT,
}
LAG = 2.0  # seconds by which a lookup may lag behind
DENIED = {"denied": "operation", "key denied": "seller"}
FAULTS = (
    "unsent",
    "throttled by others",
    "lost before",
    "lost after",
    "late",  # it arrives when its sender has just given up
    "very late",  # it arrives when its sender has long given up, and others have looked
    "slow",
    "reset",  # its sender is told at once that the connection is lost, and it arrives all the same
    "500 before",
    "500 after",
    "lagging",  # a lookup shows the order as it was some seconds ago
    "held up",  # the worker stands still with the answer, and goes on when its lease has ended
    "denied",
    "key denied",
)
HELD_UP = 20.0  # seconds: longer than a lease

OPERATIONS = {
    "ConfirmOrderReference": (10.0, 1.0),
    "CancelOrderReference": (10.0, 1.0),
    "GetOrderReferenceDetails": (20.0, 2.0),
}


@dataclass
class ExactBucket:
    """The documented bucket: each call that arrives and finds a token takes it."""

    capacity: float
    rate: float
    level: float
    at: float

    def arrives(self, now: float) -> bool:
        self.level = min(self.capacity, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1.0 - 1e-9:
            return False
        self.level -= 1.0
        return True

    def owe(self) -> None:
        """A call that finds no token takes the next one."""
        self.level -= 1.0


@dataclass
class Call:
    at: float  # arrival
    operation: str
    order_id: str
    job_id: str
    throttled: bool | None  # None: it did not get as far as the bucket


@dataclass
class ModelProvider:
    """Orders at a provider with a network before it; also the routes of the ledger.

    `delay(cold)` draws one way's seconds. `fault(job, operation)` names what goes wrong with a
    call: see `FAULTS`. A call that was sent arrives whatever becomes of its sender.
    """

    world: World
    quotas: Mapping[str, tuple[float, float]] = field(default_factory=lambda: OPERATIONS)
    delay: Callable[[bool], float] = lambda _cold: 0.0
    fault: Callable[[Job, str], str | None] = lambda _job, _operation: None
    really: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # undocumented
    looks_up: bool = True
    denied: bool = False  # the key is wrong
    reject: set[str] = field(default_factory=set)  # orders with a constraint
    refuse_repeats: bool = False  # a cancel of what is canceled
    name: str = "model"
    seller: str = "acme"
    sca: bool = False
    orders: dict[str, str] = field(default_factory=dict)
    applied: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    refused: list[Call] = field(default_factory=list)  # of them, those that found no token
    ours: dict[str, ExactBucket] = field(default_factory=dict)  # as if nobody else called
    _buckets: dict[str, ExactBucket] = field(default_factory=dict)
    _before: dict[str, tuple[float, str]] = field(default_factory=dict)  # when it was otherwise
    _called: bool = False

    def operation(self, task: Task, step: Step) -> str:
        if step.is_lookup:
            return "GetOrderReferenceDetails"
        return "ConfirmOrderReference" if task is Task.CONFIRM else "CancelOrderReference"

    def bucket(self, request: Request, step: Step) -> BucketSpec | None:
        return self.buckets()[self.operation(request.task, step)]

    def buckets(self) -> dict[str, BucketSpec]:
        return {
            name: BucketSpec(f"model|{name}", self.seller, name, capacity, rate, "documented")
            for name, (capacity, rate) in self.quotas.items()
        }

    def of_seller(self, _seller: str) -> tuple[BucketSpec, ...]:
        return self.all()

    def all(self) -> tuple[BucketSpec, ...]:
        return tuple(self.buckets().values())

    def sellers(self) -> tuple[str, ...]:
        return (self.seller,)

    def state_after(self, request: Request) -> str | None:
        return WANTED[request.task]

    def can_look_up(self, _request: Request) -> bool:
        return self.looks_up

    def lifetime(self, _of: Request | Task) -> float | None:
        return None

    def perform(self, job: Job) -> Answer:
        cold, self._called = not self._called, True
        operation = self.operation(job.task, job.step)
        fault = self.fault(job, operation)
        if fault == "unsent" or not self.may_send():
            return Answer(Outcome.REFUSED, message="connection refused", outage=True)
        answers: list[Answer] = []
        wake = self.world.wait(min(CALL_TIMEOUT, holding.ends() - self.world.now))

        def arrive() -> None:
            answer = self._read(job, operation, fault)
            if fault not in SILENT:
                self.world.after(self.delay(cold), lambda: (answers.append(answer), wake()))

        if fault == "reset":
            self.world.after(self.delay(cold), wake)
        self.world.after(LATE.get(fault or "", 0.0) or self.delay(cold), arrive)
        self.world.sleep_on()
        if fault == "held up":
            self.world.stand_still(HELD_UP, whole=False)
        if not answers:
            return Answer(Outcome.UNKNOWN, message="no answer", outage=True)
        return answers[0]

    def may_send(self) -> bool:
        """Whether the lease lasts, as the transport looks before it uses a socket."""
        return self.world.now < holding.ends()

    def _read(self, job: Job, operation: str, fault: str | None) -> Answer:
        """What comes of a call that has arrived."""
        if fault in BEFORE or fault == "throttled by others" or fault in DENIED:
            self.calls.append(Call(self.world.now, operation, job.order_id, job.id, None))
        else:
            answer = self._arrives(job, operation, fault)
        if fault == "throttled by others":
            return Answer(Outcome.THROTTLED, status=503, code="RequestThrottled")
        if fault in DENIED:
            scope = DENIED[fault]
            return Answer(Outcome.DENIED, status=403, code="AccessDenied", scope=scope)
        if fault in {"500 before", "500 after"}:
            return Answer(Outcome.UNKNOWN, status=500, code="InternalError")
        return Answer(Outcome.UNKNOWN) if fault in BEFORE else answer

    def others_call(self, operation: str, times: int) -> None:
        """Somebody else uses the same quota."""
        for _ in range(times):
            self._bucket(self._buckets, operation).arrives(self.world.now)

    def others_take(self, operation: str, rate: float, until: float) -> None:
        """Somebody else takes so many tokens a second, and asks again until he has them."""

        def take() -> None:
            bucket = self._bucket(self._buckets, operation)
            bucket.arrives(self.world.now) or bucket.owe()
            if self.world.now < until:
                self.world.after(self.world.random.uniform(0.7, 1.3) / rate, take)

        self.world.after(0.5 / rate, take)

    def credit(self) -> None:
        """The ledger's clock has been set forward: it takes every bucket for full, once."""
        for operation, (capacity, _) in self.quotas.items():
            self._bucket(self.ours, operation).level = capacity

    def throttles(self) -> int:
        return sum(call.throttled is True for call in self.calls)

    def _bucket(self, buckets: dict[str, ExactBucket], operation: str) -> ExactBucket:
        really = self.really if buckets is self._buckets else {}
        capacity, rate = really.get(operation, self.quotas[operation])
        new = ExactBucket(capacity, rate, capacity, self.world.now)
        return buckets.setdefault(operation, new)

    def _arrives(self, job: Job, operation: str, fault: str | None = None) -> Answer:
        now = self.world.now
        throttled = not self._bucket(self._buckets, operation).arrives(now)
        # What comes when its sender has given up is not counted: it is in flight no more.
        exceeded = fault not in {"late", "very late", "reset"} and not self._bucket(
            self.ours, operation
        ).arrives(now)
        self.calls.append(Call(now, operation, job.order_id, job.id, exceeded))
        if throttled:
            self.refused.append(self.calls[-1])
            return Answer(Outcome.THROTTLED, status=503, code="RequestThrottled")
        if self.denied:
            return Answer(Outcome.DENIED, status=403, code="SignatureDoesNotMatch", scope="seller")
        if job.order_id in self.reject:
            return Answer(Outcome.REJECTED, status=400, code="ConstraintsExist", advice="mend it")
        if job.step.is_lookup:
            lag = LAG if fault == "lagging" and job.step is not Step.CHECK else 0.0
            return Answer(Outcome.APPLIED, status=200, order=self._view(job, lag))
        wanted = WANTED[job.task]
        state = self.orders.get(job.order_id, "Draft")
        if code := self._refusal(job, state):
            return Answer(Outcome.STATE_REFUSED, status=405, code=code)
        if state != wanted:
            self.applied[job.order_id, wanted] += 1
        self.becomes(job.order_id, wanted)
        return Answer(Outcome.APPLIED, status=200, request_id=f"request-{len(self.calls)}")

    def becomes(self, order_id: str, state: str) -> None:
        self._before[order_id] = (self.world.now, self.orders.get(order_id, "Draft"))
        self.orders[order_id] = state

    def _refusal(self, job: Job, state: str) -> str | None:
        """With which code the order's state refuses a write."""
        refused = state == "Canceled" and (job.task is Task.CONFIRM or self.refuse_repeats)
        return "InvalidOrderReferenceStatus" if refused else None

    def _view(self, job: Job, lag: float = 0.0) -> OrderView:
        state = self.orders.get(job.order_id, "Draft")
        changed_at, before = self._before.get(job.order_id, (0.0, state))
        if self.world.now - changed_at < lag:
            state = before
        if state == WANTED[job.task]:
            return OrderView(job.order_id, state, Standing.REACHED)
        gone = job.task is Task.CONFIRM and state == "Canceled"
        standing = Standing.EXCLUDED if gone else Standing.NOT_YET
        return OrderView(
            job.order_id, state, standing, advice="ask for a new order" if gone else None
        )


def confirm(order: int, **words: Any) -> Request:
    return Request(Task.CONFIRM, "acme", f"S01-0000000-{order:07d}", **words)


def cancel(order: int, **words: Any) -> Request:
    return Request(Task.CANCEL, "acme", f"S01-0000000-{order:07d}", **words)

"""A model of a provider: orders, and buckets that count a call exactly when it arrives."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import World
from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing

WANTED = {Task.CONFIRM: "Open", Task.CANCEL: "Canceled"}
CALL_TIMEOUT = 10.0  # seconds
BEFORE = {"lost before", "500 before"}  # the call does not get as far as the order
SILENT = {"lost before", "lost after", "late"}  # no answer comes
FAULTS = (
    "unsent",
    "throttled by others",
    "lost before",
    "lost after",
    "late",  # it arrives when its sender has just given up
    "500 before",
    "500 after",
    "held up",  # the worker stands still, and goes on when its lease has ended
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
    call: see `FAULTS`.
    """

    world: World
    quotas: Mapping[str, tuple[float, float]] = field(default_factory=lambda: OPERATIONS)
    delay: Callable[[bool], float] = lambda _cold: 0.0
    fault: Callable[[Job, str], str | None] = lambda _job, _operation: None
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
    _buckets: dict[str, ExactBucket] = field(default_factory=dict)
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
        if fault == "unsent":
            return Answer(Outcome.REFUSED, message="connection refused", outage=True)
        way = CALL_TIMEOUT if fault == "late" else self.delay(cold)
        self.world.sleep(way)
        if fault == "throttled by others":
            self.calls.append(Call(self.world.now, operation, job.order_id, job.id, None))
            return Answer(Outcome.THROTTLED, status=503, code="RequestThrottled")
        if fault in BEFORE:
            self.calls.append(Call(self.world.now, operation, job.order_id, job.id, None))
        else:
            answer = self._arrives(job, operation)
        if fault in SILENT:
            self.world.sleep(CALL_TIMEOUT - way)
            return Answer(Outcome.UNKNOWN, message="no answer", outage=True)
        self.world.sleep(HELD_UP if fault == "held up" else self.delay(cold))
        if fault == "held up":
            return answer
        if fault:
            return Answer(Outcome.UNKNOWN, status=500, code="InternalError")
        return answer

    def throttles(self) -> int:
        return sum(call.throttled is True for call in self.calls)

    def _arrives(self, job: Job, operation: str) -> Answer:
        now = self.world.now
        capacity, rate = self.quotas[operation]
        bucket = self._buckets.setdefault(operation, ExactBucket(capacity, rate, capacity, now))
        throttled = not bucket.arrives(now)
        self.calls.append(Call(now, operation, job.order_id, job.id, throttled))
        if throttled:
            return Answer(Outcome.THROTTLED, status=503, code="RequestThrottled")
        if self.denied:
            return Answer(Outcome.DENIED, status=403, code="SignatureDoesNotMatch", scope="seller")
        if job.order_id in self.reject:
            return Answer(Outcome.REJECTED, status=400, code="ConstraintsExist", advice="mend it")
        if job.step.is_lookup:
            return Answer(Outcome.APPLIED, status=200, order=self._view(job))
        wanted = WANTED[job.task]
        state = self.orders.get(job.order_id, "Draft")
        if code := self._refusal(job, state):
            return Answer(Outcome.STATE_REFUSED, status=405, code=code)
        if state != wanted:
            self.applied[job.order_id, wanted] += 1
        self.orders[job.order_id] = wanted
        return Answer(Outcome.APPLIED, status=200, request_id=f"request-{len(self.calls)}")

    def _refusal(self, job: Job, state: str) -> str | None:
        """With which code the order's state refuses a write."""
        refused = state == "Canceled" and (job.task is Task.CONFIRM or self.refuse_repeats)
        return "InvalidOrderReferenceStatus" if refused else None

    def _view(self, job: Job) -> OrderView:
        state = self.orders.get(job.order_id, "Draft")
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

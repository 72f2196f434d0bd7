"""What a test of the ledger does in one line: accept, claim, answer, read; threads at once."""

import itertools
import threading
import time
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from worker.domain.bucket import BucketSpec
from worker.domain.decisions import Circumstances, decide
from worker.domain.jobs import Request, Task
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing
from worker.ledger import acceptance, claims, settlements
from worker.ledger.acceptance import Terms
from worker.ledger.holds import Claim
from worker.ledger.schema import jobs

APPLIED = Answer(Outcome.APPLIED, status=200, request_id="request-1")
UNKNOWN = Answer(Outcome.UNKNOWN, message="no answer", outage=True)
REFUSED = Answer(Outcome.REFUSED, message="connection refused")
THROTTLED = Answer(Outcome.THROTTLED, status=503, code="RequestThrottled")
DENIED = Answer(Outcome.DENIED, status=403, code="SignatureDoesNotMatch", scope="seller")
OPERATIONS = {Task.CONFIRM: "ConfirmOrderReference", Task.CANCEL: "CancelOrderReference"}
LOOKUP = "GetOrderReferenceDetails"

numbers = itertools.count(1)


@dataclass(frozen=True)
class Quotas:
    """The routes of some sellers, each operation with the same capacity and rate."""

    capacity: float = 10.0
    rate: float = 1.0
    known: tuple[str, ...] = ("acme",)
    operations: tuple[str, ...] = (*OPERATIONS.values(), LOOKUP)
    lifetimes: dict = field(default_factory=lambda: {Task.CONFIRM: 3 * 3600.0})
    reverse: bool = field(default=False)  # another process may list them the other way round

    def bucket(self, request, step):
        if request.seller not in self.known:
            return None
        operation = LOOKUP if step.is_lookup else OPERATIONS[request.task]
        return self._spec(request.seller, operation)

    def of_seller(self, seller):
        return self._turned([self._spec(seller, name) for name in self.operations])

    def all(self):
        specs = [self._spec(seller, name) for seller in self.known for name in self.operations]
        return self._turned(specs)

    def sellers(self):
        return self.known

    def state_after(self, request):
        return {Task.CONFIRM: "Open", Task.CANCEL: "Canceled"}[request.task]

    def can_look_up(self, _request):
        return True

    def lifetime(self, request):
        return self.lifetimes.get(request.task)

    def _turned(self, specs):
        return specs[::-1] if self.reverse else specs

    def _spec(self, seller, name):
        return BucketSpec(f"{seller}|{name}", seller, name, self.capacity, self.rate, "assumed")


def order_id(number):
    return f"S01-0000000-{number:07}"


def confirm(number, seller="acme", **words):
    return Request(Task.CONFIRM, seller, order_id(number), **words)


def cancel(number, seller="acme", **words):
    return Request(Task.CANCEL, seller, order_id(number), **words)


def accept(ledger, request, **terms):
    job_id = terms.pop("job_id", None) or f"job-{next(numbers):05}"
    return acceptance.accept(ledger, request, Terms(job_id, "producer", **terms))


def hold(ledger, job_id, worker="worker"):
    held = claims.claim(ledger, job_id, worker)
    assert isinstance(held, Claim), held
    return held


def decision_on(ledger, held, answer, **policy):
    at = Circumstances(now=held.turn.at, can_look_up=True)
    return decide(held.job, answer, at, replace(ledger.policy, **policy))


def settle(ledger, held, answer=APPLIED, **policy):
    """Settle a claim; a confirm does not go on for its details."""
    decision = decision_on(ledger, held, answer, **{"lookup_after_confirm": False, **policy})
    return settlements.settle(ledger, held, answer, decision)


def looked_up(held, state="Open", standing=Standing.REACHED):
    return replace(APPLIED, order=OrderView(held.job.order_id, state, standing))


def rows(ledger, table=jobs):
    with ledger.database.read() as connection:
        return connection.execute(select(table).order_by(*table.primary_key)).all()


def job(ledger, job_id):
    return next(row for row in rows(ledger) if row.id == job_id)


def at_once(works, seconds=60.0):
    """Run each of these in a thread, all let go at the same moment; their answers, in order.

    What one of them raised is raised here.
    """
    answers = [None] * len(works)
    errors = []
    gate = threading.Barrier(len(works))

    def run(number, work):
        try:
            gate.wait(seconds)
            answers[number] = work()
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a thread has not come to its end"
    return answers

"""A shop and its provider: what the shop does there by itself, and what happens meanwhile."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.history import MOMENTS
from tests.simulation.model import ModelProvider
from worker.domain.jobs import Job, Step, Task
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing

# Moments of a sweep's cancel at which the shop may do something with the order.
ASKED, READ, SENT = MOMENTS


@dataclass
class ShopsProvider(ModelProvider):
    """A provider whose orders are authorized and captured by the shop, and closed by others.

    What goes wrong with a call is said by `fault`, what is seen of it is told to `witness`.
    """

    witness: Any = None
    meanwhile: dict[str, Callable[[str], object]] = field(default_factory=dict)  # by moment
    authorized: dict[str, float] = field(default_factory=dict)  # order: since when
    captured: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)  # orders that were open at any time
    changed_by: Counter[str] = field(default_factory=Counter)  # job: orders that it changed
    accepted: Counter[str] = field(default_factory=Counter)  # job: its writes that were carried out

    def check(self, _request: Any) -> None:
        """Nothing that a shop asks for here is odd."""

    def authorize(self, order_id: str) -> None:
        if self.orders.get(order_id) == "Open":
            self.authorized.setdefault(order_id, self.world.now)

    def capture(self, order_id: str) -> None:
        self.authorize(order_id)
        if order_id in self.authorized and self.orders[order_id] in {"Open", "Closed"}:
            self.captured.add(order_id)

    def ends(self, order_id: str, state: str) -> None:
        """Amazon closes or cancels an order of its own."""
        now = self.orders.get(order_id, "Draft")
        if now == "Open" or (now == "Draft" and state == "Canceled"):
            self.becomes(order_id, state)

    def perform(self, job: Job) -> Answer:
        if not self.may_send():
            return super().perform(job)
        self.witness.departs(job)
        self._happens({Step.CHECK: ASKED, Step.APPLY: SENT}.get(job.step), job)
        answer = super().perform(job)
        self.witness.answered(job, answer)
        return answer

    def _arrives(self, job: Job, operation: str, fault: str | None = None) -> Answer:
        before = self.orders.get(job.order_id, "Draft")
        answer = super()._arrives(job, operation, fault)
        self.witness.arrived(job)
        if self.orders.get(job.order_id) == "Open":
            self.opened.add(job.order_id)
        if job.step is Step.APPLY and answer.outcome is Outcome.APPLIED:
            self.accepted[job.id] += 1
            self.changed_by[job.id] += self.orders[job.order_id] != before
            self.witness.carried_out(job)
        if answer.order:
            self.witness.read(job, answer.order)
        if job.step is Step.CHECK:
            self._happens(READ, job)
        return answer

    def _refusal(self, job: Job, state: str) -> str | None:
        if job.task is Task.CANCEL and (state == "Closed" or job.order_id in self.captured):
            return "InvalidCancelAttempt"
        return super()._refusal(job, "Canceled" if state == "Closed" else state)

    def _view(self, job: Job, lag: float = 0.0) -> OrderView:
        view = super()._view(job, lag)
        authorizations = (f"{job.order_id}-A1",) if job.order_id in self.authorized else ()
        standing = Standing.EXCLUDED if view.state == "Closed" else view.standing
        return replace(view, standing=standing, authorizations=authorizations)

    def _happens(self, moment: str | None, job: Job) -> None:
        if job.request.stale_states and moment in self.meanwhile:
            self.meanwhile.pop(moment)(job.order_id)

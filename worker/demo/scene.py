"""What the tour plays: the orders, what goes wrong with them, and how each must end."""

from dataclasses import dataclass, field
from typing import Any

from worker.domain.jobs import State, Task

THROTTLED = {"status": 503, "code": "RequestThrottled"}
CONSTRAINED = {
    "status": 400,
    "code": "ConstraintsExist",
    "message": "The OrderReference has constraint PaymentPlanNotSet and cannot be confirmed.",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """One order of the tour. `faults` are rules of the sandbox, without the order that they hit."""

    task: Task
    seller: str
    order_id: str
    note: str = ""
    ends: State = State.SUCCEEDED
    reason: str | None = None
    parent_order_id: str | None = None
    faults: tuple[dict[str, Any], ...] = ()
    staged: dict[str, Any] = field(default_factory=dict)  # the order at the provider, beforehand

    @property
    def operation(self) -> str:
        if self.seller == "mall":
            return "SetStatusToCanceled"
        return "ConfirmOrderReference" if self.task is Task.CONFIRM else "CancelOrderReference"

    def rules(self) -> list[dict[str, Any]]:
        match = {"order_id": self.order_id, "operation": self.operation}
        return [{"match": match, **fault} for fault in self.faults]


def confirm(number: int, note: str = "", **words: Any) -> Scene:
    return Scene(Task.CONFIRM, "acme", f"P01-1000000-{number:07d}", note, **words)


def cancel(number: int, note: str = "", **words: Any) -> Scene:
    return Scene(
        Task.CANCEL, "acme", f"P01-2000000-{number:07d}", note, reason="out of stock", **words
    )


def cancel_item(number: int, note: str = "", **words: Any) -> Scene:
    words = {"reason": "SHORTAGE", "parent_order_id": f"{5000 + number}"} | words
    return Scene(Task.CANCEL, "mall", f"{10937000 + number}", note, **words)


SCENES = (
    *(confirm(number) for number in range(1, 13)),
    confirm(13, "another application uses the quota", faults=({"answer": THROTTLED},)),
    confirm(14, "the answer is lost", faults=({"when": "after", "cut": True},)),
    confirm(
        15, "a 500, not applied", faults=({"answer": {"status": 500, "code": "InternalError"}},)
    ),
    confirm(16, "a gateway's page", faults=({"answer": {"status": 502, "body": "html"}},)),
    confirm(17, "a constraint is open", ends=State.REJECTED, faults=({"answer": CONSTRAINED},)),
    confirm(18, "Amazon cancelled it", ends=State.REJECTED, staged={"state": "Canceled"}),
    confirm(19, "no connection at first", faults=({"cut": True},)),
    confirm(20, "a slow answer", faults=({"delay": 1.0},)),
    *(confirm(number) for number in range(21, 25)),
    *(cancel(number) for number in range(1, 4)),
    cancel(4, "the answer is lost", faults=({"when": "after", "cut": True},)),
    cancel(
        5,
        "already captured",
        ends=State.REJECTED,
        staged={"state": "Open", "captures": ["Completed"]},
    ),
    cancel(6, "cancelled before us", staged={"state": "Canceled"}),
    *(cancel_item(number) for number in range(1, 6)),
    cancel_item(6, "too many requests", faults=({"answer": {"status": 429, "code": "E429"}},)),
    cancel_item(
        7, "an error after applying", faults=({"when": "after", "answer": {"code": "E006"}},)
    ),
    cancel_item(
        8, "shipped already", ends=State.REJECTED, staged={"state": "shipped", "parent": "5008"}
    ),
    cancel_item(9, "an unknown reason", ends=State.REJECTED, reason="the moon"),
    cancel_item(10, "the answer is lost", faults=({"when": "after", "cut": True},)),
)

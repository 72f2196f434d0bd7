"""What each operation does in each state, as a table.

An entry is a step, the code of a refusal, or `By(switch)` whose value is one of the two. Pages:
order reference states; the entries that no page states are switches.
"""

from dataclasses import dataclass
from enum import StrEnum

from worker.sandbox.amazon_pay.orders import State
from worker.sandbox.switches import Switches


class Step(StrEnum):
    """The values are the words that the switches use."""

    NOTHING = "ok_no_change"
    OPEN = "open"
    OPEN_IF_REPAIRED = "open_if_repaired"
    CANCEL = "canceled"
    CLOSE = "closed"
    SET = "set"
    AUTHORIZE = "authorize"


@dataclass(frozen=True, slots=True)
class By:
    """The switch of this name decides."""

    switch: str


NOT_IN_THIS_STATE = "InvalidOrderReferenceStatus"
NOT_MODIFIABLE = "OrderReferenceNotModifiable"

TABLE: dict[str, dict[State, Step | By | str]] = {
    "SetOrderReferenceDetails": {
        State.DRAFT: Step.SET,
        State.OPEN: NOT_MODIFIABLE,
        State.SUSPENDED: NOT_MODIFIABLE,
        State.CANCELED: NOT_MODIFIABLE,
        State.CLOSED: NOT_MODIFIABLE,
    },
    "ConfirmOrderReference": {
        State.DRAFT: Step.OPEN,
        State.OPEN: By("confirm_on_open"),
        State.SUSPENDED: By("confirm_on_suspended"),
        State.CANCELED: By("confirm_on_canceled"),
        State.CLOSED: By("confirm_on_closed"),
    },
    "CancelOrderReference": {
        State.DRAFT: By("cancel_on_draft"),
        State.OPEN: Step.CANCEL,
        State.SUSPENDED: Step.CANCEL,
        State.CANCELED: By("cancel_on_canceled"),
        State.CLOSED: By("cancel_on_closed"),
    },
    "CloseOrderReference": {
        State.DRAFT: By("close_on_draft"),
        State.OPEN: Step.CLOSE,
        State.SUSPENDED: Step.CLOSE,
        State.CANCELED: By("close_on_canceled"),
        State.CLOSED: By("close_on_closed"),
    },
    "Authorize": {
        State.DRAFT: NOT_IN_THIS_STATE,
        State.OPEN: Step.AUTHORIZE,
        State.SUSPENDED: NOT_IN_THIS_STATE,
        State.CANCELED: NOT_IN_THIS_STATE,
        State.CLOSED: NOT_IN_THIS_STATE,
    },
}


def step(operation: str, state: State, switches: Switches) -> Step | str:
    """The step to take, or the code to refuse with."""
    entry = TABLE[operation][state]
    word = switches.word(entry.switch) if isinstance(entry, By) else entry
    if word == "error":
        return NOT_IN_THIS_STATE
    return Step(word) if word in set(Step) else str(word)

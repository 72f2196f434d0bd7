"""Order references: what each is, and how it changes by itself with time.

Pages: order reference states and reason codes; order reference constraints. A Draft that is not
confirmed within three hours becomes Canceled/Stale, an Open one after 180 days Closed/Expired.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from worker.sandbox.amazon_pay.transactions import Transaction
from worker.sandbox.exchange import Refusal
from worker.sandbox.timeline import Timeline

ORDER_ID = re.compile(r"[SP]\d\d-\d{7}-\d{7}", re.ASCII)
ID_LENGTH = len("S01-1234567-1234567")  # transaction ids go on after it
DRAFT_LIFE = 3 * 3600.0
OPEN_LIFE = 180 * 86400.0
INVALID_METHOD = "InvalidPaymentMethod"


class State(StrEnum):
    DRAFT = "Draft"
    OPEN = "Open"
    SUSPENDED = "Suspended"
    CANCELED = "Canceled"
    CLOSED = "Closed"


TEN = Decimal("10.00")  # the amount of an order of which nobody said another


@dataclass(frozen=True, slots=True)
class View:
    """All that a read can show and a write can change."""

    state: State
    updated_at: float
    reason_code: str | None = None
    reason_description: str | None = None
    amount: Decimal | None = TEN
    currency: str = "EUR"
    constraints: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    authorizations: tuple[Transaction, ...] = ()

    @property
    def has_captures(self) -> bool:
        """Whether a capture stands against a cancel."""
        return any(capture.holds for capture in self.captures)

    @property
    def captures(self) -> tuple[Transaction, ...]:
        return tuple(taken for each in self.authorizations for taken in each.captures)

    @property
    def left(self) -> Decimal:
        """What may still be authorized: nothing, while no amount is set."""
        claimed = sum((each.claimed for each in self.authorizations), Decimal())
        return (self.amount or Decimal()) - claimed


@dataclass(frozen=True, slots=True)
class Visit:
    """The buyer's step at the bank: when it ends (epoch seconds), and how."""

    at: float
    approves: bool


@dataclass(slots=True)
class OrderReference:
    """One order of one seller.

    `accepted` counts the requests of each write that were answered as done, `changed` those
    that moved the state: no order may ever have two changes by one operation. A confirmed order
    that `waits_for_buyer` stays a Draft until the `visit` ends, for ever if there is none.
    """

    id: str
    seller: str
    environment: str
    created_at: float
    timeline: Timeline[View]
    waits_for_buyer: bool = False
    visit: Visit | None = None
    payment_repaired: bool = False
    accepted: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    @property
    def view(self) -> View:
        return self.timeline.now

    def change(self, view: View, at: float) -> None:
        self.timeline.record(at, replace(view, updated_at=at))

    def move(self, state: State, reason_code: str | None, text: str | None, at: float) -> None:
        """Enter a state, where no buyer is waited for; cancelling closes all authorizations."""
        self.waits_for_buyer = False
        view = replace(self.view, state=state, reason_code=reason_code, reason_description=text)
        if state is State.CANCELED:
            view = replace(
                view,
                authorizations=tuple(each.closed() for each in view.authorizations),
            )
        self.change(view, at)

    def authorize(self, authorizations: tuple[Transaction, ...], at: float) -> None:
        """Have these; one that the payment method declines suspends an open order."""
        known = {each for each in self.view.authorizations if each.reason_code == INVALID_METHOD}
        self.change(replace(self.view, authorizations=authorizations), at)
        declined = {each for each in authorizations if each.reason_code == INVALID_METHOD}
        if declined - known and self.view.state is State.OPEN:
            self.move(State.SUSPENDED, INVALID_METHOD, None, at)

    def bank_answers(self, *, approves: bool, at: float) -> None:
        """An approval opens the order, a decline leaves it a constrained Draft."""
        self.waits_for_buyer = False
        if approves:
            self.move(State.OPEN, None, None, at)
            self.changed["ConfirmOrderReference"] += 1
        else:
            self.change(replace(self.view, constraints=("PaymentMethodNotAllowed",)), at)

    def age(self, now: float) -> None:
        """Do what time has done since the order was last looked at."""
        visit, end = self.visit, self.created_at + DRAFT_LIFE
        if self.waits_for_buyer and visit and visit.at <= now and visit.at < end:
            self.bank_answers(approves=visit.approves, at=visit.at)
        processed = tuple(each.at(now) for each in self.view.authorizations)
        if processed != self.view.authorizations:
            self.authorize(processed, now)
        if self.view.state is State.DRAFT and now >= self.created_at + DRAFT_LIFE:
            self.move(State.CANCELED, "Stale", None, self.created_at + DRAFT_LIFE)
        elif self.view.state is State.OPEN and now >= self.created_at + OPEN_LIFE:
            self.move(State.CLOSED, "Expired", None, self.created_at + OPEN_LIFE)


class Orders:
    """Every order that was named so far. An id belongs to a seller; two sellers share none."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], OrderReference] = {}

    def find(
        self, seller: str, order_id: str, environment: str, beginning: str, now: float
    ) -> OrderReference:
        """The order, made on first sight as `beginning` (switch unknown_order) says."""
        order = self._orders.get((seller, order_id))
        if order is None:
            if not ORDER_ID.fullmatch(order_id) or beginning == "invalid":
                raise Refusal("InvalidOrderReferenceId")
            order = self.create(
                seller, order_id, now, ("AmountNotSet",) if beginning == "constrained" else ()
            )
        if order.environment != environment:
            raise Refusal("InternalServerError")
        order.age(now)
        return order

    def create(
        self, seller: str, order_id: str, now: float, constraints: tuple[str, ...] = ()
    ) -> OrderReference:
        view = View(
            State.DRAFT,
            updated_at=now,
            constraints=constraints,
            amount=None if "AmountNotSet" in constraints else TEN,
        )
        environment = "sandbox" if order_id.startswith("S") else "production"
        order = OrderReference(order_id, seller, environment, now, Timeline(now, view))
        self._orders[seller, order_id] = order
        return order

    def known(self, order_id: str | None = None) -> list[OrderReference]:
        return [
            order for order in self._orders.values() if order_id is None or order.id == order_id
        ]

    def clear(self) -> None:
        self._orders.clear()

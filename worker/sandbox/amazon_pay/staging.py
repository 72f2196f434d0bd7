"""Order references as a test wants them: shown, and put into any state by hand.

Fields of a control request, all optional: `seller` (default: whoever named the order, else the
first account), `state`, `age_s` (seconds since its creation), `reason_code`, `reason_description`,
`amount` and `currency`, `constraints` (list of ids), `authorizations` (list of their states),
`captures` (list of capture states, on one further authorization, which is Open if there are none),
`payment_repaired` (for a Suspended order) and `buyer`: "approves" or "declines" the bank's step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from worker.sandbox.amazon_pay.orders import TEN, OrderReference, Orders, State
from worker.sandbox.amazon_pay.transactions import (
    AUTHORIZATION_STATES,
    CAPTURE_STATES,
    Transaction,
)
from worker.sandbox.fields import BadSetting, Fields

FIELDS = (
    "seller",
    "state",
    "age_s",
    "reason_code",
    "reason_description",
    "amount",
    "currency",
    "constraints",
    "authorizations",
    "captures",
    "payment_repaired",
    "buyer",
)


def shown(order: OrderReference) -> dict[str, object]:
    """One order with the number of times each write was accepted, and changed its state."""
    view = order.view
    return {
        "provider": "amazon_pay",
        "order_id": order.id,
        "seller": order.seller,
        "environment": order.environment,
        "state": view.state.value,
        "created_at": order.created_at,
        "reason_code": view.reason_code,
        "reason_description": view.reason_description,
        "constraints": list(view.constraints),
        "authorizations": [authorization.id for authorization in view.authorizations],
        "captures": [taken.state for taken in view.captures],
        "waits_for_buyer": order.waits_for_buyer,
        "accepted": dict(order.accepted),
        "changed": dict(order.changed),
    }


def stage(
    orders: Orders,
    sellers: Sequence[str],
    order_id: str,
    values: Mapping[str, object],
    now: float,
) -> None:
    """Change every order of the id (of one seller, if named), creating it if it is new."""
    fields = Fields(values, "An order", FIELDS)
    seller = fields.text("seller")
    found = [order for order in orders.known(order_id) if seller in (None, order.seller)]
    if not found:
        if seller is None and not sellers:
            raise BadSetting("No Amazon Pay account is configured: name the order's seller.")
        found = [orders.create(seller or sellers[0], order_id, now)]
    for order in found:
        order.age(now)
        _set(order, fields, now)
        _play_buyer(order, fields.word("buyer", ("approves", "declines")), now)


def _set(order: OrderReference, fields: Fields, now: float) -> None:
    view = order.view
    state = fields.word("state", tuple(State))
    if state is not None:
        view = replace(view, state=State(state), reason_code=None, reason_description=None)
    if "reason_code" in fields:
        view = replace(view, reason_code=fields.text("reason_code"))
    if "reason_description" in fields:
        view = replace(view, reason_description=fields.text("reason_description"))
    if "amount" in fields:
        view = replace(view, amount=fields.amount("amount"))
    if "currency" in fields:
        view = replace(view, currency=fields.text("currency") or view.currency)
    if "constraints" in fields:
        view = replace(view, constraints=fields.words("constraints"))
    if "authorizations" in fields or "captures" in fields:
        view = replace(view, authorizations=tuple(_authorized(order, fields, now)))
    age, repaired = fields.number("age_s"), fields.flag("payment_repaired")
    if view != order.view:  # from here on nothing is refused
        order.change(view, now)
    if age is not None:
        order.created_at = now - age
    order.payment_repaired = order.payment_repaired or repaired


def _authorized(order: OrderReference, fields: Fields, now: float) -> Iterator[Transaction]:
    """The authorizations that are asked for, and then the one with the captures."""
    amount, currency = order.view.amount or TEN, order.view.currency

    def made(kind: str, number: int, state: str) -> Transaction:
        name = f"{order.id}-{kind}{number:06}"
        return Transaction(name, f"staged-{kind}{number}", amount, currency, state, now)

    states = fields.words("authorizations", AUTHORIZATION_STATES)
    for number, state in enumerate(states, start=1):
        yield made("A", number, state)
    if "captures" in fields:
        taken = fields.words("captures", CAPTURE_STATES)
        captures = tuple(made("C", number, state) for number, state in enumerate(taken, start=1))
        state = "Closed" if captures else "Open"
        yield replace(made("A", len(states) + 1, state), captures=captures)


def _play_buyer(order: OrderReference, answer: str | None, now: float) -> None:
    if answer is None:
        return
    if not order.waits_for_buyer:
        raise BadSetting(
            f"Order {order.id} waits for no buyer: confirm it with the switch sca on first."
        )
    order.bank_answers(approves=answer == "approves", at=now)

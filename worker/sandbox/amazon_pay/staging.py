"""Order references as a test wants them: shown, and put into any state by hand.

Fields of a control request, all optional: `seller` (default: whoever named the order, else the
first account), `state`, `reason_code`, `reason_description`, `amount` and `currency`,
`constraints` (list of ids), `captures` (list of capture states, on one authorization),
`payment_repaired` (for a Suspended order) and `buyer`: "approves" or "declines" the bank's step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from worker.sandbox.amazon_pay.orders import OrderReference, Orders, State, Transaction
from worker.sandbox.fields import BadSetting, Fields

FIELDS = (
    "seller",
    "state",
    "reason_code",
    "reason_description",
    "amount",
    "currency",
    "constraints",
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
        "reason_code": view.reason_code,
        "reason_description": view.reason_description,
        "constraints": list(view.constraints),
        "authorizations": [authorization.id for authorization in view.authorizations],
        "captures": [
            taken.state for authorization in view.authorizations for taken in authorization.captures
        ],
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
        view = replace(view, amount=fields.text("amount"))
    if "currency" in fields:
        view = replace(view, currency=fields.text("currency") or view.currency)
    if "constraints" in fields:
        view = replace(view, constraints=fields.words("constraints"))
    if "captures" in fields:
        view = replace(view, authorizations=_captured(order, fields.words("captures"), now))
    if view != order.view:
        order.change(view, now)
    order.payment_repaired = order.payment_repaired or fields.flag("payment_repaired")


def _captured(order: OrderReference, states: Sequence[str], now: float) -> tuple[Transaction, ...]:
    """One authorization that holds a capture in each of the states."""
    amount, currency = order.view.amount or "10.00", order.view.currency
    captures = tuple(
        Transaction(f"{order.id}-C{number:06}", f"capture-{number}", amount, currency, state, now)
        for number, state in enumerate(states, start=1)
    )
    state = "Closed" if captures else "Open"
    return (Transaction(f"{order.id}-A000001", "staged", amount, currency, state, now, captures),)


def _play_buyer(order: OrderReference, answer: str | None, now: float) -> None:
    """The bank's step: an approval opens the order, a decline leaves it a constrained Draft."""
    if answer is None:
        return
    if not order.waits_for_buyer:
        raise BadSetting(
            f"Order {order.id} waits for no buyer: confirm it with the switch sca on first."
        )
    order.waits_for_buyer = False
    if answer == "approves":
        order.move(State.OPEN, None, None, now)
        order.changed["ConfirmOrderReference"] += 1
    else:
        order.change(replace(order.view, constraints=("PaymentMethodNotAllowed",)), now)

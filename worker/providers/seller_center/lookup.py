"""What a lookup says of the one order item that a job is about.

Page: GetOrderItems and "Order flow" of the Falabella Seller Center documentation. There is no
operation for a single item, so the parent order's items are read and ours is looked for.
`UpdatedAt` is the venture's local time without a zone: it is kept as text and never taken
for UTC.
"""

from worker.domain.jobs import Request
from worker.domain.outcomes import Basis, OrderView, Standing
from worker.providers.seller_center.documents import children, is_empty, text

SHOWN = (
    "Name",
    "Sku",
    "ShopSku",
    "Status",
    "Reason",
    "ReasonDetail",
    "PurchaseOrderNumber",
    "CreatedAt",
    "UpdatedAt",
)

CANCELED = "canceled"
PENDING = "pending"
EXCLUDING = {
    "ready_to_ship": "stop it at the warehouse or take it back.",
    "shipped": "refuse it on delivery or take it back.",
    "delivered": "take it back as a return.",
    "failed": "its delivery failed and it comes back, nothing is left to cancel.",
    "returned": "it came back, nothing is left to cancel.",
    "returned_rejected": "its return was rejected, settle it in Seller Center.",
}
RETURNING = "it is being returned, settle the return in Seller Center."
WRONG_PARENT = (
    "The item is not in this parent order: a person has to find its right parent_order_id."
)


def read_item(body: object, request: Request) -> OrderView | None:
    """The item of `request` as `body` shows it; None if the answer leaves its state open.

    The request carries the reason that was sent. A status that we do not know leaves the state
    open, and so does an answer without our item as long as something in it cannot be read.
    """
    items = _items(body)
    if items is None:
        return None
    ids = [text(item, "OrderItemId") for item in items]
    if request.order_id in ids:
        return _view(items[ids.index(request.order_id)], request)
    if not all(ids):
        return None
    return OrderView(request.order_id, "missing", Standing.MISSING, advice=WRONG_PARENT)


def _items(body: object) -> list[object] | None:
    """The items of the answer, none in any spelling of none; None if that cannot be read."""
    if is_empty(body):
        return []
    if not isinstance(body, dict) or "OrderItems" not in body:
        return None
    order_items = body["OrderItems"]
    if is_empty(order_items):
        return []
    if isinstance(order_items, list):
        return order_items
    if isinstance(order_items, dict) and "OrderItem" in order_items:
        return children(order_items, "OrderItem")
    return None


def _view(item: object, request: Request) -> OrderView | None:
    state = text(item, "Status")
    judged = _standing(state)
    if judged is None:
        return None
    standing, advice = judged
    return OrderView(
        order_id=request.order_id,
        state=state,
        standing=standing,
        basis=_basis(item, request) if standing is Standing.REACHED else Basis.OWN,
        reason_code=text(item, "Reason") or None,
        reason_description=text(item, "ReasonDetail") or None,
        details={name: text(item, name) for name in SHOWN if text(item, name)},
        advice=advice,
    )


def _standing(state: str) -> tuple[Standing, str | None] | None:
    if state == CANCELED:
        return Standing.REACHED, None
    if state == PENDING:
        return Standing.NOT_YET, None
    if state in EXCLUDING:
        return Standing.EXCLUDED, _advice(state, EXCLUDING[state])
    if state.startswith("return_"):
        return Standing.EXCLUDED, _advice(state, RETURNING)
    return None


def _advice(state: str, to_do: str) -> str:
    return f"The item is {state} at the provider: {to_do}"


def _basis(item: object, request: Request) -> Basis:
    """OWN only if the item carries our reason, and our detail where the job gave one."""
    same_reason = text(item, "Reason") == (request.reason or "").strip()
    detail = (request.reason_detail or "").strip()
    same_detail = not detail or text(item, "ReasonDetail") == detail
    return Basis.OWN if same_reason and same_detail else Basis.OTHER

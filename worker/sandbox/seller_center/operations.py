"""The operations: which parameters each takes, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.sandbox.markup import Node
from worker.sandbox.seller_center.context import Context, Result, refusal
from worker.sandbox.seller_center.envelopes import item_node, local_time
from worker.sandbox.seller_center.items import is_id
from worker.sandbox.switches import Switches

REASON_TYPES = ("returned", "failed", "return_rejected")


def set_canceled(context: Context) -> Result:
    reason_name = context.switches.word("reason_parameter")
    item_id, reason = context.required("OrderItemId"), context.required(reason_name)
    detail = context.parameters.get("ReasonDetail", "")
    limit = context.switches.maybe_number("reason_detail_limit")
    if not is_id(item_id):
        raise refusal(20, item_id)
    if not is_reason(reason, context.switches):
        raise refusal(22, reason)
    if limit is not None and len(detail) > limit:
        raise refusal(97, "ReasonDetail")
    item = context.item(item_id)
    if item.view.status == "canceled" and context.switches.word("cancel_of_canceled") == "success":
        return Result(changed=context.count(item, changed=False))
    if not item.view.processable:
        raise refusal(119, item_id)
    if item.own_warehouse or item.view.status not in context.switches.names("cancel_from"):
        raise refusal(28, "canceled")
    package = context.switches.word("cancel_scope") == "package"
    for one in list(context.items.siblings(item)) if package else [item]:
        if one.view.status in context.switches.names("cancel_from"):
            one.move("canceled", context.now, reason, detail)
            if one is not item:
                one.changed[f"{context.operation} of {item.id}"] += 1
    return Result(changed=context.count(item, changed=True))


def is_reason(reason: str, switches: Switches) -> bool:
    names = switches.names("reason_list")
    if switches.word("reason_parameter") == "ReasonId":
        return reason.isdecimal() and 1 <= int(reason) <= len(names)
    if switches.word("reason_compare") == "exact":
        return reason in names
    return reason.casefold() in {name.casefold() for name in names}


def set_ready_to_ship(context: Context) -> Result:
    text = context.required("OrderItemIds")
    context.required("DeliveryType")
    items = [context.item(item_id) for item_id in id_list(text, 23)]
    if len({item.parent for item in items}) > 1:
        raise refusal(29)
    for item in items:
        if item.view.status not in {"pending", "ready_to_ship"}:
            raise refusal(73, item.id)
    moved = False
    for item in items:
        changed = item.view.status == "pending"
        if changed:
            item.move("ready_to_ship", context.now)
        moved |= context.count(item, changed=changed)
    body: list[Node] = [
        {"OrderItemId": item.id, "PurchaseOrderId": "0", "PurchaseOrderNumber": ""}
        for item in items
    ]
    return Result("OrderItems", {"OrderItems": {"OrderItem": body}}, moved)


def id_list(text: str, code: int) -> list[str]:
    """The ids of `[1,2]` or `1,2`, or the refusal of that number."""
    ids = [part.strip() for part in text.removeprefix("[").removesuffix("]").split(",")]
    if not all(is_id(one) for one in ids):
        raise refusal(code, text)
    return ids


def get_items(context: Context) -> Result:
    parent = context.required("OrderId")
    nodes = [item_node(item, view, parent) for item, view in context.of_order(parent)]
    return Result("OrderItems", {"OrderItems": {"OrderItem": nodes}})


def get_many_items(context: Context) -> Result:
    text = context.required("OrderIdList")
    if not (text.startswith("[") and text.endswith("]")):
        raise refusal(56)
    orders: list[Node] = [
        {
            "OrderId": parent,
            "OrderNumber": parent,
            "OrderItems": {
                "OrderItem": [
                    item_node(item, view, parent) for item, view in context.of_order(parent)
                ]
            },
        }
        for parent in id_list(text, 37)
    ]
    return Result("Orders", {"Orders": {"Order": orders}})


def get_order(context: Context) -> Result:
    parent = context.required("OrderId")
    found = context.of_order(parent)
    statuses = sorted({view.status for _, view in found})
    order: Node = {
        "OrderId": parent,
        "OrderNumber": parent,
        "CustomerFirstName": "Jane",
        "CustomerLastName": "Doe",
        "ItemsCount": str(len(found)),
        "CreatedAt": local_time(min(item.created_at for item, _ in found)),
        "UpdatedAt": local_time(max(view.updated_at for _, view in found)),
        "Statuses": {"Status": statuses},
    }
    return Result("Order", {"Orders": {"Order": [order]}})


def get_reasons(context: Context) -> Result:
    names = context.switches.names("reason_list")
    numbered = context.switches.word("reason_parameter") == "ReasonId"
    reasons = [
        {"ReasonId": str(number) if numbered else None, "Type": "canceled", "Name": name}
        for number, name in enumerate(names, start=1)
    ] + [
        {"ReasonId": None, "Type": kind, "Name": "Invalid - Customer unreachable"}
        for kind in REASON_TYPES
    ]
    return Result("Reasons", {"Reasons": {"Reason": reasons}})


@dataclass(frozen=True, slots=True)
class Operation:
    """`verb` is the documented one; nothing enforces it but the switch verb_check."""

    perform: Callable[[Context], Result]
    verb: str
    parameters: tuple[str, ...] = ()

    @property
    def write(self) -> bool:
        return self.verb == "POST"


OPERATIONS = {
    "SetStatusToCanceled": Operation(
        set_canceled, "POST", ("OrderItemId", "Reason", "ReasonId", "ReasonDetail")
    ),
    "SetStatusToReadyToShip": Operation(
        set_ready_to_ship,
        "POST",
        ("OrderItemIds", "DeliveryType", "ShippingProvider", "TrackingNumber"),
    ),
    "GetOrderItems": Operation(get_items, "GET", ("OrderId",)),
    "GetMultipleOrderItems": Operation(get_many_items, "GET", ("OrderIdList",)),
    "GetOrder": Operation(get_order, "GET", ("OrderId",)),
    "GetFailureReasons": Operation(get_reasons, "GET"),
}

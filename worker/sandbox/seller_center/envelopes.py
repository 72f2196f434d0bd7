"""SuccessResponse and ErrorResponse, in XML and JSON (vendor documentation, "Response format")."""

import json
from datetime import UTC, datetime, timedelta, timezone

from worker.sandbox.exchange import Reply
from worker.sandbox.markup import Node, plain, xml
from worker.sandbox.seller_center.errors import FORMAT_ERROR, PLATFORM, name
from worker.sandbox.seller_center.items import Item, View
from worker.sandbox.switches import Switches

FORMAT_DETAIL: Node = {"ErrorDetail": {"Field": "OrderItemId", "Message": "Invalid value"}}
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def success(action: str, kind: str, body: Node, form: str, switches: Switches, now: float) -> Reply:
    """`kind` is the ResponseType, `form` XML or JSON; an empty body is None."""
    west = switches.word("head_offset") == "-03:00"
    zone = timezone(timedelta(hours=-3)) if west else UTC
    head: dict[str, str | None] = {
        "RequestId": "",
        "RequestAction": action,
        "ResponseType": kind,
        "Timestamp": datetime.fromtimestamp(now, zone).strftime("%Y-%m-%dT%H:%M:%S")
        + switches.word("head_offset"),
    }
    return _envelope("SuccessResponse", head, body, form, switches)


def error(
    action: str, code: int, message: str, status: int, form: str, switches: Switches
) -> Reply:
    """An error's head has neither RequestId nor Timestamp; a format error says where it is."""
    platform, detail, kind = code in PLATFORM, None, switches.word("item_error_type")
    if FORMAT_ERROR in message:
        platform, detail = False, FORMAT_DETAIL
    head = {
        "RequestAction": action,
        "ErrorType": ("Platform" if platform else "Sender") if kind == "by_code" else kind,
        "ErrorCode": None if switches.is_on("error_code_missing") else str(code),
        "ErrorMessage": message,
    }
    reply = _envelope("ErrorResponse", head, detail, form, switches)
    return Reply(status, reply.body, reply.content_type, code=name(code))


def _envelope(
    root: str, head: dict[str, str | None], body: Node, form: str, switches: Switches
) -> Reply:
    if form != "JSON":
        text = DECLARATION + xml(root, {"Head": head, "Body": "" if body is None else body})
        return Reply(200, text.encode(), "text/xml; charset=utf-8")
    single = switches.word("json_single_item") == "object"
    empty = json.loads(switches.word("empty_body"))
    content = empty if body is None else plain(body, single_as_object=single)
    tree = {root: {"Head": plain(head, single_as_object=False), "Body": content}}
    return Reply(200, json.dumps(tree).encode(), "application/json")


def item_node(item: Item, view: View, parent: str) -> Node:
    """An OrderItem with all the fields that a full answer carries; values are text."""
    return {
        "OrderItemId": item.id,
        "ShopId": item.id,
        "OrderId": item.parent or parent,
        "Name": "Sample item",
        "Sku": f"SKU-{item.id}",
        "Variation": "",
        "ShopSku": f"SHOP-{item.id}",
        "ShippingType": "Own Warehouse" if item.own_warehouse else "Dropshipping",
        "ItemPrice": "10.00",
        "PaidPrice": "10.00",
        "Currency": "CLP",
        "WalletCredits": "0.00",
        "TaxAmount": "0.00",
        "CodCollectableAmount": "",
        "ShippingAmount": "0.00",
        "ShippingServiceCost": "0.00",
        "VoucherAmount": "0.00",
        "VoucherCode": "",
        "Status": view.status,
        "IsProcessable": "1" if view.processable else "0",
        "ShipmentProvider": "",
        "IsDigital": "0",
        "DigitalDeliveryInfo": "",
        "TrackingCode": "",
        "TrackingCodePre": "",
        "Reason": view.reason,
        "ReasonDetail": view.reason_detail,
        "PurchaseOrderId": "0",
        "PurchaseOrderNumber": "",
        "PackageId": "",
        "PromisedShippingTime": "",
        "ExtraAttributes": "",
        "ShippingProviderType": "standard",
        "CreatedAt": local_time(item.created_at),
        "UpdatedAt": local_time(view.updated_at),
        "ReturnStatus": "",
    }


def local_time(at: float) -> str:
    """Data fields have no zone; the sandbox's venture lives in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")

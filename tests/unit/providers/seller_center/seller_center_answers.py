"""Answers of Seller Center as a test writes them: one head and body, in XML or JSON."""

import json
from xml.sax.saxutils import escape

from worker.providers.transport import HttpReply

FORMATS = ("xml", "json")


def xml_of(name, value):
    if isinstance(value, list):
        return "".join(xml_of(name, one) for one in value)
    if isinstance(value, dict):
        inner = "".join(xml_of(key, one) for key, one in value.items())
        return f"<{name}>{inner}</{name}>"
    return f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>"


def written(form, root, head, body=""):
    if form == "json":
        return json.dumps({root: {"Head": head, "Body": body}}).encode()
    content = xml_of("Head", head) + xml_of("Body", body)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{content}</{root}>'.encode()


def success(form, action="SetStatusToCanceled", body=""):
    head = {
        "RequestId": "",
        "RequestAction": action,
        "ResponseType": "",
        "Timestamp": "2015-07-01T11:11:11+0000",
    }
    return written(form, "SuccessResponse", head, body)


def failure(form, code, message="", *, kind="Sender", action="SetStatusToCanceled", detail=None):
    """An ErrorResponse; an element that is None is left out."""
    head = {
        "RequestAction": action,
        "ErrorType": kind,
        "ErrorCode": None if code is None else str(code),
        "ErrorMessage": message,
    }
    head = {name: value for name, value in head.items() if value is not None}
    return written(form, "ErrorResponse", head, {"ErrorDetail": detail} if detail else "")


def items(form, *order_items):
    """An answer to GetOrderItems: one item is an object, several are a list."""
    held = order_items[0] if len(order_items) == 1 else list(order_items)
    return success(form, "GetOrderItems", {"OrderItems": {"OrderItem": held}})


def reply(body, status=200, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status, named, body if isinstance(body, bytes) else body.encode())

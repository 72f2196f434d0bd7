"""The door: which requests this provider could never carry out, and what to change."""

import re

from worker.domain.jobs import Request, Task
from worker.providers.base import BadInput
from worker.providers.seller_center.operations import SET_STATUS_TO_CANCELED

LARGEST_ITEM_ID = 2**31 - 1  # the documentation's int32
LONGEST_TEXT = 1024  # characters; no limit is published, the URL has to fit a server's
_ITEM_ID = re.compile(r"[1-9][0-9]{0,9}")
_PARENT_ID = re.compile(r"[1-9][0-9]{0,18}")


def check(request: Request) -> None:
    """Raise BadInput with the field and its rule."""
    _check_task(request.task)
    _check_item(request.order_id)
    if request.parent_order_id is not None:
        _check_parent(request.parent_order_id)
    _check_text("reason", request.reason)
    _check_text("reason_detail", request.reason_detail)
    _check_absent("success_url", request.success_url)
    _check_absent("failure_url", request.failure_url)


def _check_task(task: Task) -> None:
    if task is not Task.CANCEL:
        raise BadInput(
            "task",
            f"{task} is nothing that Seller Center can do; it can cancel an order item "
            f"({SET_STATUS_TO_CANCELED.action}).",
        )


def _check_item(order_id: str) -> None:
    if not _ITEM_ID.fullmatch(order_id) or int(order_id) > LARGEST_ITEM_ID:
        raise BadInput(
            "order_id",
            f"{order_id[:40]!r} is not the id of an order item (OrderItemId): "
            f"a whole number from 1 to {LARGEST_ITEM_ID}, digits only.",
        )


def _check_parent(order_id: str) -> None:
    if not _PARENT_ID.fullmatch(order_id):
        raise BadInput(
            "parent_order_id",
            f"{order_id[:40]!r} is not the id of an order (OrderId): "
            "a whole number above 0, up to 19 digits and nothing else.",
        )


def _check_text(field: str, value: str | None) -> None:
    if value is None:
        return
    if len(value) > LONGEST_TEXT:
        raise BadInput(field, f"has {len(value)} characters; up to {LONGEST_TEXT} are allowed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(field, "holds half a character (a surrogate); give whole text.") from None
    if "\0" in value:
        raise BadInput(field, "holds a NUL character; leave it out.")


def _check_absent(field: str, url: str | None) -> None:
    if url is not None:
        raise BadInput(field, "Seller Center sends no buyer anywhere; leave it out.")

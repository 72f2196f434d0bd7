"""Order items as a test wants them: shown, and put into any status by hand.

Fields of a control request, all optional: `seller` (default: whoever named the item, else the
first account), `state` (the item's status), `reason`, `reason_detail`, `parent` (its order's id),
`processable`, and `own_warehouse` for an item that the venture fulfils.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from worker.sandbox.fields import BadSetting, Fields
from worker.sandbox.seller_center.items import STATUSES, Item, Items, is_id

FIELDS = (
    "seller",
    "state",
    "reason",
    "reason_detail",
    "parent",
    "processable",
    "own_warehouse",
)


def shown(item: Item) -> dict[str, object]:
    """One item with the number of times each write was accepted, and changed its status."""
    view = item.view
    return {
        "provider": "seller_center",
        "order_id": item.id,
        "seller": item.seller,
        "parent": item.parent,
        "state": view.status,
        "reason": view.reason,
        "reason_detail": view.reason_detail,
        "processable": view.processable,
        "own_warehouse": item.own_warehouse,
        "accepted": dict(item.accepted),
        "changed": dict(item.changed),
    }


def stage(
    items: Items,
    users: Sequence[str],
    item_id: str,
    values: Mapping[str, object],
    now: float,
) -> None:
    """Change every item of the id (of one user, if named), creating it if it is new."""
    fields = Fields(values, "An order item", FIELDS)
    seller = fields.text("seller")
    found = [item for item in items.known(item_id) if seller in (None, item.seller)]
    if not found:
        if seller is None and not users:
            raise BadSetting("No Seller Center account is configured: name the item's seller.")
        found = [items.find(seller or users[0], item_id, now)]
    for item in found:
        _set(items, item, fields, now)


def _set(items: Items, item: Item, fields: Fields, now: float) -> None:
    parent = fields.text("parent")
    if parent is not None and not is_id(parent):
        raise BadSetting(f"An order item's parent is a number, not {parent!r}.")
    status = fields.word("state", STATUSES)
    if status is not None or "reason" in fields or "reason_detail" in fields:
        item.move(
            status or item.view.status,
            now,
            fields.text("reason") or "",
            fields.text("reason_detail") or "",
        )
    if "processable" in fields:
        item.timeline.record(now, replace(item.view, processable=fields.flag("processable")))
    if "own_warehouse" in fields:
        item.own_warehouse = fields.flag("own_warehouse")
    if parent is not None:
        items.declare(item, parent)

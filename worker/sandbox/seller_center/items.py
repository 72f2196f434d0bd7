"""Order items: what each is, and in which parent order it shows.

An item that was only ever named by its own id has no parent order yet; it shows in whatever
parent order is asked for, because a cancel does not say where its item belongs. Of these only
the last named are shown, so that an answer stays small: tests with more declare the parent order
by a control request. A parent order that was never seen, asked for when no such item exists, has
one pending item of the same number.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from worker.sandbox.timeline import Timeline

NUMBER = re.compile(r"[1-9]\d{0,9}", re.ASCII)
LARGEST = 2**31 - 1
NEWEST = 200

STATUSES = (
    "pending",
    "ready_to_ship",
    "shipped",
    "delivered",
    "failed",
    "returned",
    "return_ship_by_customer",
    "return_awaiting_for_approval",
    "returned_rejected",
    "canceled",
)


def is_id(text: str) -> bool:
    """Whether the text is an int32 above zero, as ids of items and orders are."""
    return NUMBER.fullmatch(text) is not None and int(text) <= LARGEST


@dataclass(frozen=True, slots=True)
class View:
    """All that a read can show and a write can change."""

    status: str
    updated_at: float
    reason: str = ""
    reason_detail: str = ""
    processable: bool = True


@dataclass(slots=True)
class Item:
    """One order item of one user; `parent` is its order's id, None while nobody said.

    `accepted` and `changed` count its writes as `amazon_pay.orders.OrderReference` does.
    """

    id: str
    seller: str
    parent: str | None
    created_at: float
    timeline: Timeline[View]
    own_warehouse: bool = False
    accepted: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    @property
    def view(self) -> View:
        return self.timeline.now

    def move(self, status: str, at: float, reason: str = "", detail: str = "") -> None:
        view = replace(self.view, status=status, reason=reason, reason_detail=detail)
        self.timeline.record(at, replace(view, updated_at=at))


class Items:
    """Every item that was named so far. An id belongs to a user; two users share none."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}
        self._of_parent: dict[tuple[str, str], list[Item]] = {}
        self._without_parent: dict[str, dict[str, Item]] = {}

    def find(self, seller: str, item_id: str, now: float, *, processable: bool = True) -> Item:
        """The item, pending on first sight."""
        item = self._items.get((seller, item_id))
        if item is None:
            return self._create(seller, item_id, None, now, processable=processable)
        if item.parent is None:
            self._without_parent[seller][item_id] = self._without_parent[seller].pop(item_id)
        return item

    def known(self, item_id: str | None = None) -> list[Item]:
        return [item for item in self._items.values() if item_id is None or item.id == item_id]

    def knows(self, seller: str, item_id: str) -> bool:
        return (seller, item_id) in self._items

    def knows_order(self, seller: str, parent: str) -> bool:
        return bool(self._of_parent.get((seller, parent)))

    def of_order(
        self, seller: str, parent: str, now: float, *, processable: bool = True
    ) -> list[Item]:
        """The items of a parent order, as the module says."""
        own = self._of_parent.get((seller, parent), [])
        others = list(self._without_parent.get(seller, {}).values())[-NEWEST:]
        if not own and not others and (seller, parent) not in self._items:
            return [self._create(seller, parent, parent, now, processable=processable)]
        return [*own, *others]

    def declare(self, item: Item, parent: str) -> None:
        """Say in which parent order an item is."""
        if item.parent is not None:
            self._of_parent[item.seller, item.parent].remove(item)
        self._without_parent.get(item.seller, {}).pop(item.id, None)
        item.parent = parent
        self._of_parent.setdefault((item.seller, parent), []).append(item)

    def siblings(self, item: Item) -> list[Item]:
        """The items of the same parent order, itself included."""
        return [item] if item.parent is None else self._of_parent[item.seller, item.parent]

    def _create(
        self, seller: str, item_id: str, parent: str | None, now: float, *, processable: bool
    ) -> Item:
        view = View("pending", now, processable=processable)
        item = self._items[seller, item_id] = Item(item_id, seller, None, now, Timeline(now, view))
        self._without_parent.setdefault(seller, {})[item_id] = item
        if parent is not None:
            self.declare(item, parent)
        return item

    def clear(self) -> None:
        self._items.clear()
        self._of_parent.clear()
        self._without_parent.clear()

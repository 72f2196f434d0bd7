"""One admitted request, as the operations see it, and how they refuse it."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.sandbox.exchange import Refusal
from worker.sandbox.markup import Node
from worker.sandbox.seller_center import errors
from worker.sandbox.seller_center.items import Item, Items, View, is_id
from worker.sandbox.switches import Switches


def refusal(code: int, value: str = "") -> Refusal:
    """The refusal of a number, its text completed with the value that was refused."""
    text = errors.CODES[code].format(value=value)
    return Refusal(errors.name(code), f"{errors.name(code)}: {text}")


@dataclass(frozen=True, slots=True)
class Context:
    """A read sees items as they were `lag` seconds ago."""

    items: Items
    switches: Switches
    parameters: Mapping[str, str]
    operation: str
    seller: str
    now: float
    lag: float

    def required(self, name: str) -> str:
        value = self.parameters.get(name, "")
        if not value:
            raise refusal(1, name)
        return value

    def item(self, item_id: str) -> Item:
        """The item, or E020."""
        beginning = self.switches.word("unknown_order")
        if not is_id(item_id) or (
            beginning == "invalid" and not self.items.knows(self.seller, item_id)
        ):
            raise refusal(20, item_id)
        return self.items.find(
            self.seller, item_id, self.now, processable=beginning != "constrained"
        )

    def of_order(self, parent: str) -> list[tuple[Item, View]]:
        """The items of a parent order as this read sees them, or E016."""
        beginning = self.switches.word("unknown_order")
        if not is_id(parent):
            raise refusal(16, parent)
        if beginning == "invalid" and not self.items.knows_order(self.seller, parent):
            raise refusal(16, parent)
        items = self.items.of_order(
            self.seller, parent, self.now, processable=beginning != "constrained"
        )
        return [(item, item.timeline.seen(self.now - self.lag)) for item in items]

    def count(self, item: Item, *, changed: bool) -> bool:
        """Keep the books of an accepted write."""
        item.accepted[self.operation] += 1
        item.changed[self.operation] += changed
        return changed


@dataclass(frozen=True, slots=True)
class Result:
    """The answer's ResponseType and body, and whether an item changed."""

    kind: str = ""
    body: Node = None
    changed: bool = False

"""One admitted request, as the operations see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from worker.sandbox.amazon_pay.orders import OrderReference, Orders
from worker.sandbox.amazon_pay.states import Step, step
from worker.sandbox.exchange import Refusal
from worker.sandbox.markup import Node
from worker.sandbox.switches import Switches

AMOUNT = re.compile(r"\d+(\.\d{1,2})?", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}")

Result = tuple[Node, bool]
"""The result element's content, if the operation has one, and whether the order changed."""


@dataclass(frozen=True, slots=True)
class Context:
    """A read sees the order as it was `lag` seconds ago."""

    orders: Orders
    switches: Switches
    parameters: Mapping[str, str]
    operation: str
    seller: str
    environment: str
    now: float
    lag: float

    def order(self) -> OrderReference:
        """The order that the request names, also by an authorization or a capture of it."""
        for name in ("AmazonOrderReferenceId", "AmazonAuthorizationId", "AmazonCaptureId"):
            if name in self.parameters:
                order_id = self.parameters[name]
                if name != "AmazonOrderReferenceId":
                    order_id = order_id[:19]
                return self.orders.find(
                    self.seller,
                    order_id,
                    self.environment,
                    self.switches.word("unknown_order"),
                    self.now,
                )
        raise Refusal("InvalidOrderReferenceId")

    def step(self, order: OrderReference) -> Step:
        """What the order's state lets the operation do; raises the refusal of the state."""
        found = step(self.operation, order.view.state, self.switches)
        if isinstance(found, Step):
            return found
        raise Refusal(found)

    def money(self, prefix: str) -> tuple[str, str]:
        """`prefix.Amount` and `prefix.CurrencyCode`, checked."""
        amount = self.parameters[f"{prefix}.Amount"]
        currency = self.parameters[f"{prefix}.CurrencyCode"]
        if not AMOUNT.fullmatch(amount):
            raise Refusal("InvalidParameterValue", f"The value of {prefix}.Amount is invalid.")
        if not CURRENCY.fullmatch(currency):
            raise Refusal("CurrencyUnsupported")
        return amount, currency

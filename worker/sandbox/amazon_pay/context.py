"""One admitted request, as the operations see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from worker.sandbox.amazon_pay.orders import ID_LENGTH, OrderReference, Orders
from worker.sandbox.amazon_pay.states import Step, step
from worker.sandbox.exchange import Refusal
from worker.sandbox.fields import AMOUNT
from worker.sandbox.markup import Node
from worker.sandbox.switches import Switches

CURRENCY = re.compile(r"[A-Z]{3}")
LONGEST_REFERENCE = 32  # characters; unconfirmed

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
        order_id = self.parameters.get("AmazonOrderReferenceId")
        if order_id is None:
            order_id = self._order_of_transaction()
        return self.orders.find(
            self.seller,
            order_id,
            self.environment,
            self.switches.word("unknown_order"),
            self.now,
        )

    def _order_of_transaction(self) -> str:
        """An authorization or a capture makes no order known that was not before."""
        for name in ("AmazonAuthorizationId", "AmazonCaptureId"):
            order_id = self.parameters.get(name, "")[:ID_LENGTH]
            if any(order.seller == self.seller for order in self.orders.known(order_id)):
                return order_id
        raise Refusal("InvalidTransactionId")

    def step(self, order: OrderReference) -> Step:
        """What the order's state lets the operation do; raises the refusal of the state."""
        found = step(self.operation, order.view.state, self.switches)
        if isinstance(found, Step):
            return found
        raise Refusal(found)

    def money(self, prefix: str) -> tuple[Decimal, str]:
        """`prefix.Amount` and `prefix.CurrencyCode`, checked."""
        amount = self.parameters[f"{prefix}.Amount"]
        currency = self.parameters[f"{prefix}.CurrencyCode"]
        if not AMOUNT.fullmatch(amount):
            raise Refusal("InvalidParameterValue", f"The value of {prefix}.Amount is invalid.")
        if not CURRENCY.fullmatch(currency):
            raise Refusal("CurrencyUnsupported")
        return Decimal(amount), currency

    def reference(self, name: str) -> str:
        """The seller's own id of a transaction, checked."""
        found = self.parameters[name]
        if len(found) > LONGEST_REFERENCE:
            raise Refusal(
                "InvalidParameterValue", f"{name} is longer than {LONGEST_REFERENCE} characters."
            )
        return found

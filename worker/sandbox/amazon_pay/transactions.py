"""Authorizations, and the captures on them.

Pages: authorize, capture. One that waits for its processing is Pending, and knows what it becomes.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

HOLDING = frozenset({"Completed", "Closed", "Pending"})  # captures that stand against a cancel
STANDING = frozenset({"Pending", "Open"})  # authorizations that may still be captured

AUTHORIZATION_STATES = ("Pending", "Open", "Declined", "Closed")
CAPTURE_STATES = ("Pending", "Completed", "Declined", "Closed")


@dataclass(frozen=True, slots=True)
class Transaction:
    """An authorization, or a capture on one. `reference_id` is the seller's own id of it.

    It `becomes` another one when it is processed, at `due` (epoch seconds).
    """

    id: str
    reference_id: str
    amount: Decimal
    currency: str
    state: str
    created_at: float
    reason_code: str | None = None
    captures: tuple["Transaction", ...] = ()
    becomes: "Transaction | None" = None
    due: float = 0.0

    def pending(self, due: float) -> "Transaction":
        """The same before it is processed."""
        return replace(self, state="Pending", reason_code=None, captures=(), becomes=self, due=due)

    def at(self, now: float) -> "Transaction":
        """What it is at a moment."""
        return self.becomes if self.becomes is not None and now >= self.due else self

    def closed(self) -> "Transaction":
        """What a cancel of the order makes of an authorization."""
        return replace(self, state="Closed", becomes=None) if self.state in STANDING else self

    def capture(self, capture: "Transaction") -> "Transaction":
        """The authorization after its one capture."""
        return replace(
            self,
            state="Closed",
            reason_code="MaxCapturesProcessed",
            captures=(*self.captures, capture),
        )

    @property
    def holds(self) -> bool:
        """Of a capture: whether it stands against a cancel."""
        return self.state in HOLDING

    @property
    def captured(self) -> Decimal:
        """Of an authorization: what was, or will be, taken."""
        return sum((one.amount for one in self.captures if one.holds), Decimal())

    @property
    def claimed(self) -> Decimal:
        """Of an authorization: its part of the order's amount."""
        return self.amount if self.state in STANDING else self.captured

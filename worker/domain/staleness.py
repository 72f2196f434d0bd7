"""Which orders of a seller are stale, as its policy says, and the cancel that follows."""

from dataclasses import dataclass

from worker.domain.jobs import Request, Task

PRIORITY = 30  # behind whatever anybody asks for


@dataclass(frozen=True, slots=True)
class Source:
    """A query for orders in a database of the shop's; `timeout` is in seconds."""

    url: str  # may hold a password
    query: str
    timeout: float


@dataclass(frozen=True, slots=True)
class StalePolicy:
    """What is cancelled without anybody asking. Durations are in seconds."""

    seller: str
    every: float
    after: float  # since the order's last change in the ledger
    states: tuple[str, ...]  # the provider's words
    limit: int  # orders of one sweep
    reason: str | None = None
    reason_detail: str | None = None
    from_ledger: bool = True  # whether the ledger learns of the seller's orders by itself
    source: Source | None = None

    def cancel(self, order: "ShopOrder") -> Request:
        """The cancel of one order, which is checked at the provider before it is sent.

        Its key is the sweep's own: whoever asks for a cancel meanwhile is not refused for it.
        """
        return Request(
            Task.CANCEL,
            self.seller,
            order.order_id,
            reason=self.reason,
            reason_detail=self.reason_detail,
            parent_order_id=order.parent_order_id,
            priority=PRIORITY,
            key=f"stale/{order.order_id}",
            stale_states=self.states,
        )


@dataclass(frozen=True, slots=True)
class ShopOrder:
    """An order that somebody else than the ledger knows of."""

    order_id: str
    parent_order_id: str | None = None

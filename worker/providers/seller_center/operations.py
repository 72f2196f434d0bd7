"""The operations that the worker calls, with their verbs and quotas.

Pages: Falabella Seller Center developer documentation, one page per operation, named in
each row. No vendor publishes a number of requests per second: the quotas are assumed.
"""

from dataclasses import dataclass

from worker.providers.base import Quota


@dataclass(frozen=True, slots=True)
class Operation:
    """One named action: its name, its HTTP verb, its quota and its page."""

    action: str
    method: str
    quota: Quota
    page: str


ASSUMED = Quota(capacity=10, restore_rate=1.0, source="assumed")

SET_STATUS_TO_CANCELED = Operation(
    "SetStatusToCanceled", "POST", ASSUMED, "SetStatusToCanceled: cancel order"
)
GET_ORDER_ITEMS = Operation("GetOrderItems", "GET", ASSUMED, "GetOrderItems")
GET_FAILURE_REASONS = Operation("GetFailureReasons", "GET", ASSUMED, "GetFailureReasons")

OPERATIONS = {
    operation.action: operation
    for operation in (SET_STATUS_TO_CANCELED, GET_ORDER_ITEMS, GET_FAILURE_REASONS)
}

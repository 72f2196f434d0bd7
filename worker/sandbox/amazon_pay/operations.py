"""The operations: which parameters each needs, its quota, and what performs it.

Quotas: page "throttling limits", (capacity, tokens a second) in production and sandbox.
"""

from collections.abc import Callable
from dataclasses import dataclass

from worker.sandbox.amazon_pay import payments, references
from worker.sandbox.amazon_pay.context import Context, Result
from worker.sandbox.timestamps import write


def service_status(context: Context) -> Result:
    return {"Status": "GREEN", "Timestamp": write(context.now)}, False


@dataclass(frozen=True, slots=True)
class Operation:
    """Quotas are (capacity, tokens a second)."""

    perform: Callable[[Context], Result]
    write: bool
    required: tuple[str, ...]
    production: tuple[float, float]
    sandbox: tuple[float, float]


WRITE = ((10.0, 1.0), (2.0, 0.5))
READ = ((20.0, 2.0), (5.0, 1.0))
STATUS = ((2.0, 1 / 300), (2.0, 1 / 300))
ORDER = "AmazonOrderReferenceId"
AUTHORIZATION = "AmazonAuthorizationId"
TOTAL = "OrderReferenceAttributes.OrderTotal"


def money(prefix: str) -> tuple[str, str]:
    return f"{prefix}.Amount", f"{prefix}.CurrencyCode"


OPERATIONS = {
    "ConfirmOrderReference": Operation(references.confirm, True, (ORDER,), *WRITE),
    "CancelOrderReference": Operation(references.cancel, True, (ORDER,), *WRITE),
    "CloseOrderReference": Operation(references.close, True, (ORDER,), *WRITE),
    "SetOrderReferenceDetails": Operation(
        references.set_details, True, (ORDER, *money(TOTAL)), *WRITE
    ),
    "Authorize": Operation(
        payments.authorize,
        True,
        (ORDER, "AuthorizationReferenceId", *money("AuthorizationAmount")),
        *WRITE,
    ),
    "Capture": Operation(
        payments.capture,
        True,
        (AUTHORIZATION, "CaptureReferenceId", *money("CaptureAmount")),
        *WRITE,
    ),
    "GetOrderReferenceDetails": Operation(references.get_details, False, (ORDER,), *READ),
    "GetAuthorizationDetails": Operation(
        payments.get_authorization, False, (AUTHORIZATION,), *READ
    ),
    "GetCaptureDetails": Operation(payments.get_capture, False, ("AmazonCaptureId",), *READ),
    "GetServiceStatus": Operation(service_status, False, (), *STATUS),
}

"""What each of the provider's error codes means for a request, and what to do about it.

Sources: Amazon Pay, Handling API errors and Error codes; Amazon MWS Developer Guide, Errors. No
page says whether a call that failed was executed; the outcomes follow from what the codes mean.
"""

import re
from dataclasses import dataclass
from typing import Literal

from worker.domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Meaning:
    outcome: Outcome
    advice: str | None = None
    scope: Literal["operation", "seller"] = "operation"  # DENIED: what is closed


def _throttled() -> Meaning:
    return Meaning(Outcome.THROTTLED)


def _unknown() -> Meaning:
    return Meaning(Outcome.UNKNOWN)


def _state() -> Meaning:
    return Meaning(Outcome.STATE_REFUSED)


def _rejected(advice: str) -> Meaning:
    return Meaning(Outcome.REJECTED, advice)


def _denied(scope: Literal["operation", "seller"], advice: str) -> Meaning:
    return Meaning(Outcome.DENIED, advice, scope)


_REPORT = "The request is not one this API accepts: report it with the request id."
_NOT_OURS = "This operation is not one of the worker's: report it with the request id."
_KEYS = "Compare access_key and secret_key with those that Seller Central shows."
_NEW_CHECKOUT = "The buyer has to check out again."

CODES: dict[str, Meaning] = {
    # throttling
    "RequestThrottled": _throttled(),
    "QuotaExceeded": _throttled(),
    # the service itself
    "ServiceUnavailable": _unknown(),
    "InternalError": _unknown(),
    "InternalServerError": _unknown(),
    "InputStreamDisconnected": Meaning(Outcome.REFUSED),
    # our clock
    "RequestExpired": Meaning(Outcome.CLOCK_EXPIRED),
    # the request
    "InvalidParameterValue": _rejected("Correct the value that the provider's message names."),
    "MissingParameter": _rejected(_REPORT),
    "InvalidAddress": _rejected("Check the seller's endpoint, region and environment."),
    "InvalidAddressConsentToken": _rejected(_REPORT),
    "InvalidSandboxSimulationSpecified": _rejected(
        "Correct the SandboxSimulation text in the reason, or leave it out."
    ),
    # who we are: the whole seller
    "SignatureDoesNotMatch": _denied("seller", _KEYS),
    "InvalidAccessKeyId": _denied("seller", _KEYS),
    "InvalidClientTokenId": _denied("seller", _KEYS),
    "MissingAuthenticationToken": _denied("seller", "Set the seller's mws_auth_token."),
    # what we may do: the operation
    "AccessDenied": _denied("operation", "Allow this operation for the access key's account."),
    "UnauthorizedAccess": _denied(
        "operation", "Allow this operation for the access key's account."
    ),
    "InvalidAccountStatus": _denied(
        "operation", "Seller Central shows what the seller's account lacks: complete it there."
    ),
    # the order's state: perhaps of our own doing
    "OrderReferenceNotModifiable": _state(),
    "InvalidOrderReferenceStatus": _state(),
    "InvalidCancelAttempt": _state(),
    "InvalidCloseAttempt": _state(),
    "InvalidAuthorizationStatus": _state(),
    "CaptureNotRefundable": _state(),
    "BillingAgreementNotModifiable": _state(),
    "DuplicateReferenceId": _state(),
    "DuplicateRequest": _state(),
    # the order
    "ConstraintsExist": _rejected(
        "Something is missing before the order can be confirmed: the provider's message names it."
    ),
    "InvalidOrderReferenceId": _rejected(
        "Amazon Pay does not know this order: check the order id and the seller it belongs to."
    ),
    "CurrencyMismatch": _rejected("Set the order total in the currency of the seller's account."),
    "CurrencyUnsupported": _rejected("Set the order total in a currency the region supports."),
    "BillingAgreementConstraintsExist": _rejected(_NOT_OURS),
    "InvalidTransactionId": _rejected(_NOT_OURS),
    "PaymentMethodNotUpdated": _rejected("The buyer has to choose another payment method."),
    "TransactionAmountExceeded": _rejected("Set a lower order total: it exceeds the limit."),
    "TransactionCountExceeded": _rejected(_NEW_CHECKOUT),
    "OrderReferenceCountExceeded": _rejected(_NEW_CHECKOUT),
    "PeriodicAmountExceeded": _rejected("Wait for the next period, or set a lower order total."),
}

CONSTRAINTS: dict[str, str] = {
    "AmountNotSet": "Set the order total (SetOrderReferenceDetails).",
    "BuyerEqualsSeller": "The buyer has to use an account other than the seller's.",
    "CurrencyMismatch": "Set the order total in the currency of the seller's account.",
    "PaymentMethodNotAllowed": "The buyer has to choose another payment method.",
    "PaymentPlanNotSet": "The buyer has to choose a payment method.",
    "ShippingAddressNotSet": "The buyer has to choose a shipping address.",
    "PaymentMethodDeleted": "The buyer has to choose another payment method.",
    "BuyerConsentNotSet": "The buyer has to give consent in the widget.",
}


def meaning_of(code: str, status: int) -> Meaning:
    """The table's row; for a code that is not in it, what its HTTP status says."""
    if code in CODES:
        return CODES[code]
    if status >= 500:  # noqa: PLR2004
        return Meaning(Outcome.UNKNOWN)
    return Meaning(Outcome.REJECTED, "The provider's message says what to change.")


def constraint_advice(message: str) -> str | None:
    """What to do about the constraints whose ids a ConstraintsExist message names."""
    named = dict.fromkeys(re.findall(r"[A-Z][A-Za-z]+", message))
    return (
        " ".join(dict.fromkeys(CONSTRAINTS[word] for word in named if word in CONSTRAINTS)) or None
    )

"""The error codes of Seller Center, and what each means for a request.

Page: "Error messages" of the Seller Center documentation. A message reads `E020: …`; the number
decides, never the text. A code that stands in neither table is judged by its ErrorType.
"""

from dataclasses import dataclass
from typing import Literal

from worker.domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means. `advice` says what the shop has to do when trying again is no use."""

    code: int
    outcome: Outcome
    advice: str | None = None
    scope: Literal["operation", "seller"] = "operation"


TOO_MANY_REQUESTS = 429
INTERNAL_OR_FORMAT = 1000  # one number, two meanings: with an ErrorDetail the format is wrong
INVALID_ORDER_ID = 16

_REPORT = "The request was built wrongly: report it with the job's attempts."

CODES = {
    meaning.code: meaning
    for meaning in (
        Meaning(1, Outcome.REJECTED, "A parameter is missing: set what the message names."),
        Meaning(2, Outcome.REJECTED, 'Set this seller\'s `version` to "1.0".'),
        Meaning(3, Outcome.CLOCK_EXPIRED),
        Meaning(4, Outcome.REJECTED, _REPORT),
        Meaning(5, Outcome.REJECTED, 'Set this seller\'s `format` to "XML" or "JSON".'),
        Meaning(6, Outcome.UNKNOWN),
        Meaning(
            7,
            Outcome.DENIED,
            "Correct this seller's `user_id` and `api_key` (it is used as plain text).",
            scope="seller",
        ),
        Meaning(8, Outcome.REJECTED, "This endpoint does not know the operation: see `endpoint`."),
        Meaning(
            9,
            Outcome.DENIED,
            "Give the API user the role for order access, in Seller Center under Manage Users.",
        ),
        Meaning(10, Outcome.REJECTED, "Set this seller's `endpoint` to its https URL."),
        Meaning(11, Outcome.REJECTED, "Shorten `reason_detail`."),
        Meaning(20, Outcome.REJECTED, "Give the id of an item (OrderItemId) of this seller."),
        Meaning(21, Outcome.UNKNOWN),
        Meaning(
            22,
            Outcome.REJECTED,
            "Use a reason that this seller's `check` lists, as `reason` or in the configuration.",
        ),
        Meaning(
            28,
            Outcome.STATE_REFUSED,
            "The item's state at the provider permits no cancellation: see it in Seller Center"
            " (with `parent_order_id` the worker looks it up itself).",
        ),
        Meaning(30, Outcome.REJECTED, _REPORT),
        Meaning(119, Outcome.REFUSED),
        Meaning(TOO_MANY_REQUESTS, Outcome.THROTTLED),
        Meaning(INTERNAL_OR_FORMAT, Outcome.UNKNOWN),
    )
}

FORMAT_ERROR = Meaning(
    INTERNAL_OR_FORMAT, Outcome.REJECTED, "Correct the field that the message names."
)

# Met around orders, of no class of their own: what they say, for the advice.
OTHER_CODES = {
    12: "the feed id is invalid",
    14: "the offset is invalid",
    INVALID_ORDER_ID: "the parent order's id is invalid",
    17: "the date format is invalid",
    18: "CreatedAfter or UpdatedAfter is mandatory",
    19: "the limit is invalid",
    23: "the order item ids are invalid",
    24: "the delivery type is invalid",
    25: "the shipping provider is invalid",
    26: "the tracking number is invalid",
    29: "the order items are not of the same order",
    31: "the tracking id is incorrect",
    32: "the document type is not valid",
    34: "the order item must be packed first",
    35: "it was not found",
    36: "the status filter is invalid",
    37: "the id is incorrect",
    38: "too many orders were requested",
    39: "no orders were found",
    56: "the order id list must be an array",
    63: "the tracking code is already used",
    73: "all order items must be pending or ready to ship",
    74: "the sort direction is invalid",
    75: "the sort filter is invalid",
    89: "a manifest or a webhook field is wrong",
    91: "the shipment provider may not be set",
    94: "a serial number is wrong",
    95: "a serial number is wrong",
    96: "a serial number is wrong",
    97: "a field has a wrong value",
    98: "the webhook callback address is invalid",
    100: "the webhook id is invalid",
    121: "the package id is wrong",
    122: "the package id is wrong",
}


def spelt(code: int) -> str:
    """`E028`: the spelling of the documentation, padded to three digits."""
    return f"E{code:03d}"


def meaning_of(code: int, error_type: str, status: int, *, has_detail: bool) -> Meaning:
    """What an error with this number means; `status` is the HTTP status it came with."""
    if code == INTERNAL_OR_FORMAT and has_detail:
        return FORMAT_ERROR
    if code in CODES:
        return CODES[code]
    if code == 0:
        return Meaning(code, Outcome.UNKNOWN)
    if status == TOO_MANY_REQUESTS:
        return Meaning(code, Outcome.THROTTLED)
    is_final = error_type.lower() == "sender" or (not error_type and status < 500)  # noqa: PLR2004
    if not is_final:
        return Meaning(code, Outcome.UNKNOWN)
    said = OTHER_CODES.get(code, "the request is wrong")
    return Meaning(code, Outcome.REJECTED, f"Seller Center says that {said}: correct the request.")

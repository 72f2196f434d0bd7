"""Every error number of the sheet with its text; `{value}` is the value that was refused.

Texts of numbers from 12 on that are not quoted in the documentation are the likeliest ones.
"""

CODES: dict[int, str] = {
    0: "",
    1: "Parameter {value} is mandatory",
    2: "Invalid Version",
    3: "Timestamp has expired",
    4: "Invalid Timestamp format",
    5: "Invalid Request Format",
    6: "Unexpected internal error",
    7: "Login failed",
    8: "Invalid Action",
    9: "Access Denied",
    10: "Insecure Channel",
    11: "Request too Big",
    12: '"{value}" Invalid Feed ID',
    14: '"{value}" Invalid Offset',
    16: '"{value}" Invalid Order ID',
    17: '"{value}" Invalid Date Format',
    18: "Either CreatedAfter or UpdatedAfter is mandatory",
    19: '"{value}" Invalid Limit',
    20: '"{value}" Invalid Order Item ID',
    21: "OMS Api Error Occurred",
    22: '"{value}" Invalid Reason',
    23: '"{value}" Invalid Order Item IDs',
    24: '"{value}" Invalid Delivery Type',
    25: '"{value}" Invalid Shipping Provider',
    26: '"{value}" Invalid Tracking Number',
    28: 'It is not possible to set the order to the status "{value}"',
    29: "Order items must be from the same order",
    30: "Empty Request",
    31: 'Tracking ID incorrect. Example tracking ID: "{value}"',
    32: "Document type is not valid",
    34: "Order Item must be packed. Please call setStatusToReadyToShip before",
    35: "was not found",
    36: "Invalid status filter",
    37: "One or more order ids are incorrect",
    38: "Too many orders were requested",
    39: "No orders were found",
    56: "The order id list must be an array",
    63: "Tracking code was already used",
    73: "All order items must have status Pending or Ready To Ship. ({value})",
    74: "Invalid sort direction.",
    75: "Invalid sort filter.",
    91: "The shipment provider may not be set",
    94: "Serial numbers are missing",
    95: "Serial numbers are not valid",
    96: "Serial numbers were already used",
    97: "Field {value} has a wrong value",
    98: "Invalid webhook callback address",
    100: '"{value}" Invalid Webhook ID',
    119: "Some order items are not yet ready to be processed, please try again later. ({value})",
    121: "Invalid package id",
    122: "Package id is missing",
    429: "Too many requests",
    1000: "Internal Application Error",
}

THROTTLED = 429

FORMAT_ERROR = "Format Error Detected"
"""The text of 1000 when the request is at fault; it comes with an ErrorDetail."""

PLATFORM = frozenset({6, 21, 1000})
"""The numbers whose ErrorType is Platform; all others are Sender."""


def number(code: str) -> int:
    """20 of "E020" or "20"; 6, an internal error, of what is no number of this provider."""
    digits = code.removeprefix("E")
    return int(digits) if digits.isdecimal() else 6


def name(code: int) -> str:
    """E020 of 20."""
    return f"E{code:03d}"

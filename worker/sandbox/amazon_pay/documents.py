"""The XML documents of the API, as its pages and sample responses print them."""

from decimal import Decimal
from http import HTTPStatus
from uuid import uuid4

from worker.sandbox.amazon_pay.orders import OPEN_LIFE, OrderReference, State, View
from worker.sandbox.amazon_pay.transactions import Transaction
from worker.sandbox.exchange import Reply
from worker.sandbox.markup import Node, xml
from worker.sandbox.switches import Switches
from worker.sandbox.timestamps import write

NAMESPACE = "://mws.amazonservices.com/schema/OffAmazonPayments/2013-01-01"

CONSTRAINTS = {
    "AmountNotSet": "The seller has not set the amount for the Order Reference.",
    "BuyerEqualsSeller": "The seller and the buyer have the same account.",
    "CurrencyMismatch": "The currency is not the one of the seller's account.",
    "PaymentMethodNotAllowed": "The payment method that the buyer selected is not allowed.",
    "PaymentPlanNotSet": "The buyer has not selected a payment method.",
    "ShippingAddressNotSet": "The buyer has not selected a shipping address.",
    "PaymentMethodDeleted": "The buyer has deleted the payment method.",
    "BuyerConsentNotSet": "The buyer has not given consent.",
}

AREA = {
    "City": "Springfield",
    "StateOrRegion": "WA",
    "PostalCode": "98101",
    "CountryCode": "US",
}
STREET = {"Name": "Jane Doe", "AddressLine1": "1 Sample Street", "Phone": "555-0100"}
OF_THE_ORDER = ("SellerNote", "PlatformId", "RequestPaymentAuthorization")
BUYER = {"Name": "Jane Doe", "Email": "jane.doe@example.com"}


def success(operation: str, result: Node, switches: Switches, now: float) -> Reply:
    """The response of an operation. Without a result it holds the standard elements only."""
    request_id = str(uuid4())
    if result is None and switches.word("result_element") == "empty":
        result = ""
    body = xml(
        f"{operation}Response",
        {f"{operation}Result": result, "ResponseMetadata": {"RequestId": request_id}},
        _namespace(switches),
    )
    return Reply(200, body.encode(), headers=_headers(request_id, now))


def error(code: str, message: str, status: int, switches: Switches, now: float) -> Reply:
    """The error document, or what the switch error_body puts in its place."""
    request_id = str(uuid4())
    kind = switches.word("error_type")
    if kind == "by_status":
        kind = "Sender" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Server"
    body, content_type = "", "text/plain"
    match switches.word("error_body"):
        case "xml":
            tree: Node = {
                "Error": {
                    "Type": "" if kind == "blank" else kind,
                    "Code": code,
                    "Message": message,
                },
                switches.word("request_id_tag"): request_id,
            }
            body, content_type = xml("ErrorResponse", tree, _namespace(switches)), "text/xml"
        case "plain_text":
            body = f"{code} {message}"
        case "html":
            body, content_type = f"<html><body><h1>{status}</h1></body></html>", "text/html"
    return Reply(status, body.encode(), content_type, _headers(request_id, now), code)


def _namespace(switches: Switches) -> str:
    return f' xmlns="{switches.word("namespace_scheme")}{NAMESPACE}"'


def _headers(request_id: str, now: float) -> dict[str, str]:
    return {"x-mws-request-id": request_id, "x-mws-timestamp": write(now)}


def order_details(order: OrderReference, view: View) -> Node:
    """What a read shows: name, e-mail and street only once the order was confirmed."""
    confirmed = view.state in {State.OPEN, State.SUSPENDED, State.CLOSED} or bool(
        order.changed["ConfirmOrderReference"] and view.state is State.CANCELED
    )
    attributes = dict(view.attributes)
    own = {name: attributes.pop(name, None) for name in OF_THE_ORDER}
    return {
        "OrderReferenceDetails": {
            "AmazonOrderReferenceId": order.id,
            "OrderReferenceStatus": {
                "State": view.state.value,
                "LastUpdateTimestamp": write(view.updated_at),
                "ReasonCode": view.reason_code,
                "ReasonDescription": view.reason_description,
            },
            "OrderTotal": _money(view.amount, view.currency),
            **own,
            "SellerOrderAttributes": attributes or None,
            "Buyer": BUYER if confirmed else None,
            "Destination": {
                "DestinationType": "Physical",
                "PhysicalDestination": {**STREET, **AREA} if confirmed else AREA,
            },
            "ReleaseEnvironment": "Sandbox" if order.environment == "sandbox" else "Live",
            "CreationTimestamp": write(order.created_at),
            "ExpirationTimestamp": write(order.created_at + OPEN_LIFE),
            "Constraints": {
                "Constraint": [
                    {"ConstraintID": name, "Description": CONSTRAINTS.get(name, name)}
                    for name in view.constraints
                ]
            }
            if view.constraints
            else None,
            "IdList": {"member": [member.id for member in view.authorizations]},
        }
    }


def authorization_details(authorization: Transaction) -> Node:
    return {
        "AuthorizationDetails": {
            "AmazonAuthorizationId": authorization.id,
            "AuthorizationReferenceId": authorization.reference_id,
            "AuthorizationAmount": _money(authorization.amount, authorization.currency),
            "CapturedAmount": _money(authorization.captured, authorization.currency),
            "IdList": {"member": [capture.id for capture in authorization.captures]},
            "CreationTimestamp": write(authorization.created_at),
            "AuthorizationStatus": _status(authorization),
        }
    }


def capture_details(capture: Transaction) -> Node:
    return {
        "CaptureDetails": {
            "AmazonCaptureId": capture.id,
            "CaptureReferenceId": capture.reference_id,
            "CaptureAmount": _money(capture.amount, capture.currency),
            "CreationTimestamp": write(capture.created_at),
            "CaptureStatus": _status(capture),
        }
    }


def _status(transaction: Transaction) -> Node:
    return {"State": transaction.state, "ReasonCode": transaction.reason_code}


def _money(amount: Decimal | None, currency: str) -> Node:
    return None if amount is None else {"Amount": f"{amount:.2f}", "CurrencyCode": currency}

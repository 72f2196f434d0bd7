"""Authorizations and captures: as much of them as a cancel has to know."""

from dataclasses import replace

from worker.sandbox.amazon_pay import documents
from worker.sandbox.amazon_pay.context import Context, Result
from worker.sandbox.amazon_pay.orders import OrderReference, State, Transaction
from worker.sandbox.exchange import Refusal


def authorize(context: Context) -> Result:
    order, text = context.order(), context.parameters
    amount, currency = context.money("AuthorizationAmount")
    reference_id = text["AuthorizationReferenceId"]
    for earlier in order.view.authorizations:
        if earlier.reference_id == reference_id:
            if (earlier.amount, earlier.currency) != (amount, currency):
                raise Refusal("DuplicateReferenceId")
            return documents.authorization_details(earlier), False
    context.step(order)
    if currency != order.view.currency:
        raise Refusal("CurrencyMismatch")
    if order.view.amount is None or float(amount) > float(order.view.amount):
        raise Refusal("TransactionAmountExceeded")
    authorization = Transaction(
        f"{order.id}-A{len(order.view.authorizations) + 1:06}",
        reference_id,
        amount,
        currency,
        "Open",
        context.now,
    )
    if text.get("CaptureNow") == "true":
        taken = replace(authorization, id=f"{order.id}-C000001", state="Completed", captures=())
        authorization = replace(authorization, state="Closed", captures=(taken,))
    order.change(
        replace(order.view, authorizations=(*order.view.authorizations, authorization)),
        context.now,
    )
    return documents.authorization_details(authorization), True


def capture(context: Context) -> Result:
    order, authorization = found(context)
    amount, currency = context.money("CaptureAmount")
    reference_id = context.parameters["CaptureReferenceId"]
    for earlier in authorization.captures:
        if earlier.reference_id == reference_id:
            if (earlier.amount, earlier.currency) != (amount, currency):
                raise Refusal("DuplicateReferenceId")
            return documents.capture_details(earlier), False
    if authorization.state != "Open" or order.view.state is State.CANCELED:
        raise Refusal("InvalidAuthorizationStatus")
    if currency != authorization.currency:
        raise Refusal("CurrencyMismatch")
    if float(amount) > float(authorization.amount):
        raise Refusal("TransactionAmountExceeded")
    number = 1 + sum(len(member.captures) for member in order.view.authorizations)
    taken = Transaction(
        f"{order.id}-C{number:06}", reference_id, amount, currency, "Completed", context.now
    )
    replaced = tuple(
        replace(member, state="Closed", captures=(*member.captures, taken))
        if member is authorization
        else member
        for member in order.view.authorizations
    )
    order.change(replace(order.view, authorizations=replaced), context.now)
    return documents.capture_details(taken), True


def found(context: Context) -> tuple[OrderReference, Transaction]:
    """The authorization that the request names."""
    order = context.order()
    for authorization in order.view.authorizations:
        if authorization.id == context.parameters["AmazonAuthorizationId"]:
            return order, authorization
    raise Refusal("InvalidTransactionId")


def get_authorization(context: Context) -> Result:
    return documents.authorization_details(found(context)[1]), False


def get_capture(context: Context) -> Result:
    for authorization in context.order().view.authorizations:
        for taken in authorization.captures:
            if taken.id == context.parameters["AmazonCaptureId"]:
                return documents.capture_details(taken), False
    raise Refusal("InvalidTransactionId")

"""The operations on authorizations and captures. Their amounts never exceed the order's."""

from dataclasses import replace

from worker.sandbox.amazon_pay import documents
from worker.sandbox.amazon_pay.context import Context, Result
from worker.sandbox.amazon_pay.orders import OrderReference, State
from worker.sandbox.amazon_pay.simulations import AUTHORIZATION, CAPTURE, simulated
from worker.sandbox.amazon_pay.transactions import Transaction
from worker.sandbox.exchange import Refusal


def authorize(context: Context) -> Result:
    """Reserve an amount; a repetition answers as the first time.

    It is processed at once if TransactionTimeout is 0, else it is Pending first.
    """
    order = context.order()
    amount, currency = context.money("AuthorizationAmount")
    reference_id = context.reference("AuthorizationReferenceId")
    minutes = context.parameters.get("TransactionTimeout", "1440")
    if not (minutes.isascii() and minutes.isdecimal()):
        raise Refusal("InvalidParameterValue", "The value of TransactionTimeout is invalid.")
    asked = simulated(context, "SellerAuthorizationNote", AUTHORIZATION)
    for earlier in order.view.authorizations:
        if earlier.reference_id == reference_id:
            check_same(earlier, amount, currency)
            return documents.authorization_details(earlier), False
    context.step(order)
    if currency != order.view.currency:
        raise Refusal("CurrencyMismatch")
    if amount > order.view.left:
        raise Refusal("TransactionAmountExceeded")
    number = len(order.view.authorizations) + 1
    made = Transaction(
        f"{order.id}-A{number:06}", reference_id, amount, currency, "Open", context.now
    )
    if asked:
        made = replace(made, state=asked.state, reason_code=asked.reason_code)
    elif context.parameters.get("CaptureNow", "").lower() == "true":
        made = made.capture(
            replace(made, id=f"{order.id}-C{number_of_capture(order):06}", state="Completed")
        )
    if int(minutes) > 0:
        made = made.pending(context.now + context.switches.number("authorization_pending_s"))
    order.authorize((*order.view.authorizations, made), context.now)
    return documents.authorization_details(made), True


def capture(context: Context) -> Result:
    """Take an authorization's amount or a part of it: once."""
    order, authorization = found(context)
    amount, currency = context.money("CaptureAmount")
    reference_id = context.reference("CaptureReferenceId")
    asked = simulated(context, "SellerCaptureNote", CAPTURE)
    for earlier in authorization.captures:
        if earlier.reference_id == reference_id:
            check_same(earlier, amount, currency)
            return documents.capture_details(earlier), False
    if authorization.state != "Open" or order.view.state is State.CANCELED:
        raise Refusal("InvalidAuthorizationStatus")
    if currency != authorization.currency:
        raise Refusal("CurrencyMismatch")
    if amount > authorization.amount:
        raise Refusal("TransactionAmountExceeded")
    taken = Transaction(
        f"{order.id}-C{number_of_capture(order):06}",
        reference_id,
        amount,
        currency,
        asked.state if asked else "Completed",
        context.now,
        asked.reason_code if asked else None,
    )
    order.authorize(
        tuple(
            member.capture(taken) if member is authorization else member
            for member in order.view.authorizations
        ),
        context.now,
    )
    return documents.capture_details(taken), True


def check_same(earlier: Transaction, *asked: object) -> None:
    """A reference id stands for one amount."""
    if (earlier.amount, earlier.currency) != asked:
        raise Refusal("DuplicateReferenceId")


def number_of_capture(order: OrderReference) -> int:
    """Of the next capture: those that are not yet processed have theirs."""
    known = [each.becomes or each for each in order.view.authorizations]
    return 1 + sum(len(each.captures) for each in known)


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
    for taken in context.order().view.captures:
        if taken.id == context.parameters["AmazonCaptureId"]:
            return documents.capture_details(taken), False
    raise Refusal("InvalidTransactionId")

"""The operations on an order reference. What a state allows stands in `states`."""

from dataclasses import replace

from worker.sandbox.amazon_pay import documents
from worker.sandbox.amazon_pay.context import Context, Result
from worker.sandbox.amazon_pay.orders import OrderReference, State, Visit
from worker.sandbox.amazon_pay.simulations import CLOSURE, simulated
from worker.sandbox.amazon_pay.states import Step
from worker.sandbox.exchange import Refusal

LONGEST_TEXT = 1024


def confirm(context: Context) -> Result:
    order = context.order()
    step = context.step(order)
    if step is Step.NOTHING:
        return None, False
    if step is Step.OPEN_IF_REPAIRED and not order.payment_repaired:
        raise Refusal("InvalidOrderReferenceStatus")
    if order.view.constraints:
        raise Refusal("ConstraintsExist", open_constraints(order))
    if step is Step.OPEN and context.switches.word("sca") != "off":
        if not all(context.parameters.get(name) for name in ("SuccessUrl", "FailureUrl")):
            raise Refusal("InvalidParameterValue", "SuccessUrl and FailureUrl are required.")
        if not order.waits_for_buyer:
            send_to_bank(order, context)
        return None, False
    order.payment_repaired = False
    order.move(State.OPEN, None, None, context.now)
    return None, True


def send_to_bank(order: OrderReference, context: Context) -> None:
    """The order stays a Draft until the buyer is back: when and how, the switches say."""
    order.waits_for_buyer, order.visit = True, None
    if (plays := context.switches.word("sca")) != "on":
        back_at = context.now + context.switches.number("buyer_after_s")
        order.visit = Visit(back_at, approves=plays == "approves")


def open_constraints(order: OrderReference) -> str:
    return f"OrderReference {order.id} has constraints: {', '.join(order.view.constraints)}."


def cancel(context: Context) -> Result:
    order = context.order()
    reason = context.parameters.get("CancelationReason") or None
    if (
        reason is not None
        and len(reason) > LONGEST_TEXT
        and context.switches.word("cancel_reason_over_1024") != "truncate"
    ):
        raise too_long("CancelationReason")
    if context.step(order) is Step.NOTHING:
        return None, False
    if order.view.has_captures:
        raise Refusal(context.switches.word("cancel_with_captures"))
    order.move(State.CANCELED, "SellerCanceled", reason and reason[:LONGEST_TEXT], context.now)
    return None, True


def close(context: Context) -> Result:
    order = context.order()
    reason = context.parameters.get("ClosureReason") or None
    if reason is not None and len(reason) > LONGEST_TEXT:
        raise too_long("ClosureReason")
    if context.step(order) is Step.NOTHING:
        return None, False
    asked = simulated(context, "ClosureReason", CLOSURE)
    code = asked.reason_code if asked else "SellerClosed"
    order.move(State.CLOSED, code, reason, context.now)
    return None, True


def too_long(name: str) -> Refusal:
    return Refusal("InvalidParameterValue", f"{name} is longer than {LONGEST_TEXT} characters.")


ATTRIBUTES = {
    "SellerNote": "OrderReferenceAttributes.SellerNote",
    "SellerOrderId": "OrderReferenceAttributes.SellerOrderAttributes.SellerOrderId",
    "StoreName": "OrderReferenceAttributes.SellerOrderAttributes.StoreName",
    "CustomInformation": "OrderReferenceAttributes.SellerOrderAttributes.CustomInformation",
    "SupplementaryData": "OrderReferenceAttributes.SellerOrderAttributes.SupplementaryData",
    "PlatformId": "OrderReferenceAttributes.PlatformId",
    "RequestPaymentAuthorization": "OrderReferenceAttributes.RequestPaymentAuthorization",
}


def set_details(context: Context) -> Result:
    order = context.order()
    amount, currency = context.money("OrderReferenceAttributes.OrderTotal")
    attributes = {
        name: context.parameters[parameter]
        for name, parameter in ATTRIBUTES.items()
        if parameter in context.parameters
    }
    if len(attributes.get("SellerNote", "")) > LONGEST_TEXT:
        raise too_long("SellerNote")
    context.step(order)
    view = replace(
        order.view,
        amount=amount,
        currency=currency,
        constraints=tuple(name for name in order.view.constraints if name != "AmountNotSet"),
        attributes=tuple(attributes.items()),
    )
    order.change(view, context.now)
    return documents.order_details(order, order.view), True


def get_details(context: Context) -> Result:
    order = context.order()
    view = order.timeline.seen(context.now - context.lag)
    return documents.order_details(order, view), False

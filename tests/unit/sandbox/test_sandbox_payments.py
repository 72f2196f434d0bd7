"""Authorizations and captures: what each does to the order, and what the order allows."""

import json

import pytest
from sandbox_clients import ORDER, PRODUCTION, Amazon

from worker.sandbox.accounts import AmazonPayAccount
from worker.sandbox.server import Sandbox

STATUS = "InvalidOrderReferenceStatus"
AUTHORIZATION, CAPTURE = f"{ORDER}-A000001", f"{ORDER}-C000001"
LIVE = "P01-1234567-1234567"


@pytest.fixture
def pay(amazon):
    return Payments(amazon)


class Payments:
    """One order's authorizations and captures. Keyword arguments replace parameters."""

    def __init__(self, amazon, order=ORDER):
        self.amazon = amazon
        self.order = order

    def authorize(self, reference="a-1", amount="10.00", **more):
        return self.amazon(
            "Authorize",
            self.order,
            **{
                "AuthorizationReferenceId": reference,
                "AuthorizationAmount__Amount": amount,
                "AuthorizationAmount__CurrencyCode": "EUR",
                "TransactionTimeout": "0",
            }
            | more,
        )

    def capture(self, reference="c-1", amount="10.00", authorization=AUTHORIZATION, **more):
        return self.amazon(
            "Capture",
            None,
            **{
                "AmazonAuthorizationId": authorization,
                "CaptureReferenceId": reference,
                "CaptureAmount__Amount": amount,
                "CaptureAmount__CurrencyCode": "EUR",
            }
            | more,
        )

    def authorization(self, name=AUTHORIZATION):
        return self.amazon("GetAuthorizationDetails", None, AmazonAuthorizationId=name)

    def authorization_state(self, name=AUTHORIZATION):
        return self.authorization(name).text("AuthorizationStatus/State")

    def captured(self, name=CAPTURE):
        return self.amazon("GetCaptureDetails", None, AmazonCaptureId=name)


def simulation(state, reason=None):
    asked = {"State": state} | ({"ReasonCode": reason} if reason else {})
    return json.dumps({"SandboxSimulation": asked})


def test_an_order_goes_from_its_amount_to_its_capture_and_its_end(amazon, pay):
    amazon(
        "SetOrderReferenceDetails",
        OrderReferenceAttributes__OrderTotal__Amount="12.5",
        OrderReferenceAttributes__OrderTotal__CurrencyCode="EUR",
        OrderReferenceAttributes__PlatformId="A2SHOP",
        OrderReferenceAttributes__SellerOrderAttributes__SupplementaryData="{}",
    )
    amazon.confirm()
    assert pay.authorize(amount="12.50").text("AuthorizationStatus/State") == "Open"
    read = amazon.get()
    assert read.text("OrderTotal/Amount") == "12.50"
    assert read.text("OrderReferenceDetails/PlatformId") == "A2SHOP"
    assert read.text("SellerOrderAttributes/SupplementaryData") == "{}"
    assert read.text("IdList/member") == AUTHORIZATION
    assert pay.capture(amount="12.50").text("AmazonCaptureId") == CAPTURE
    authorization = pay.authorization()
    assert authorization.text("AuthorizationStatus/State") == "Closed"
    assert authorization.text("AuthorizationStatus/ReasonCode") == "MaxCapturesProcessed"
    assert authorization.text("CapturedAmount/Amount") == "12.50"
    assert authorization.text("IdList/member") == CAPTURE
    assert pay.captured().text("CaptureStatus/State") == "Completed"
    assert pay.captured().text("CaptureAmount/Amount") == "12.50"
    assert amazon.cancel().code == "InvalidCancelAttempt"
    assert amazon("CloseOrderReference", ClosureReason="sent").code is None
    assert amazon.get().text("ReasonDescription") == "sent"
    assert amazon.cancel().code == STATUS


@pytest.mark.parametrize("state", ["Completed", "Closed", "Pending"])
def test_a_capture_refuses_the_cancel(amazon, sandbox, state):
    sandbox.stage(ORDER, state="Open", captures=[state])
    assert amazon.cancel().code == "InvalidCancelAttempt"
    sandbox.switch(cancel_with_captures=STATUS)
    assert amazon.cancel().code == STATUS
    assert amazon.state() == "Open"


def test_a_declined_capture_does_not_refuse_the_cancel(amazon, sandbox):
    sandbox.stage(ORDER, state="Open", captures=["Declined"])
    assert amazon.cancel().code is None


def test_a_reference_id_stands_for_one_authorization_and_one_capture(amazon, pay):
    amazon.confirm()
    assert pay.authorize().text("AmazonAuthorizationId") == AUTHORIZATION
    assert pay.authorize(amount="10.0").text("AmazonAuthorizationId") == AUTHORIZATION
    assert pay.authorize(amount="9.00").code == "DuplicateReferenceId"
    assert pay.capture().text("AmazonCaptureId") == CAPTURE
    assert pay.capture().text("AmazonCaptureId") == CAPTURE
    assert pay.capture(amount="9.00").code == "DuplicateReferenceId"
    assert pay.authorize("a" * 33).code == "InvalidParameterValue"
    assert pay.capture("c" * 33).code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "10.01"}, "TransactionAmountExceeded"),
        ({"amount": "ten"}, "InvalidParameterValue"),
        ({"AuthorizationAmount__CurrencyCode": "USD"}, "CurrencyMismatch"),
        ({"AuthorizationAmount__CurrencyCode": "euro"}, "CurrencyUnsupported"),
        ({"TransactionTimeout": "soon"}, "InvalidParameterValue"),
        ({"TransactionTimeout": "-1"}, "InvalidParameterValue"),
    ],
)
def test_an_authorization_that_cannot_be_is_refused(amazon, sandbox, pay, more, code):
    amazon.confirm()
    assert pay.authorize(**more).code == code
    assert sandbox.order(ORDER)["authorizations"] == []


def test_authorizations_together_never_exceed_the_orders_amount(amazon, pay):
    amazon.confirm()
    assert pay.authorize("a-1", "6.10").code is None
    assert pay.authorize("a-2", "3.91").code == "TransactionAmountExceeded"
    assert pay.capture(amount="6.11").code == "TransactionAmountExceeded"
    assert pay.capture(amount="5.00").code is None  # which gives 1.10 back
    assert pay.authorize("a-2", "5.00").code is None


def test_what_is_captured_now_has_a_capture_of_its_own_each_time(amazon, pay):
    amazon.confirm()
    for number in (1, 2):
        answer = pay.authorize(f"a-{number}", "5.00", CaptureNow="true")
        assert answer.text("AuthorizationStatus/State") == "Closed"
        assert answer.text("CapturedAmount/Amount") == "5.00"
        assert answer.text("IdList/member") == f"{ORDER}-C{number:06}"
        assert pay.captured(f"{ORDER}-C{number:06}").text("CaptureStatus/State") == "Completed"
    assert amazon.cancel().code == "InvalidCancelAttempt"


def test_without_a_timeout_of_nothing_an_authorization_is_pending_first(
    amazon, sandbox, pay, clock
):
    sandbox.switch(authorization_pending_s=60)
    amazon.confirm()
    answer = pay.authorize(TransactionTimeout=None)
    assert answer.text("AuthorizationStatus/State") == "Pending"
    clock.advance(59)
    assert pay.capture().code == "InvalidAuthorizationStatus"
    clock.advance(1)
    assert pay.authorization_state() == "Open"
    assert pay.capture().code is None


def test_a_cancel_ends_what_is_pending_for_good(amazon, sandbox, pay, clock):
    sandbox.switch(authorization_pending_s=60)
    amazon.confirm()
    pay.authorize(TransactionTimeout="1440", CaptureNow="true")
    assert amazon.cancel().code is None
    clock.advance(60)
    assert pay.authorization_state() == "Closed"
    assert sandbox.order(ORDER)["captures"] == []


def test_a_cancel_closes_the_authorizations(amazon, pay):
    amazon.confirm()
    pay.authorize()
    amazon.cancel()
    assert pay.authorization_state() == "Closed"
    assert pay.capture().code == "InvalidAuthorizationStatus"


def test_a_closed_order_takes_no_authorization_and_still_a_capture(amazon, pay):
    amazon.confirm()
    pay.authorize(amount="5.00")
    amazon("CloseOrderReference")
    assert pay.authorize("a-2", "5.00").code == STATUS
    assert pay.authorize(amount="5.00").text("AmazonAuthorizationId") == AUTHORIZATION
    assert pay.capture(amount="5.00").code is None


def test_a_transaction_that_nobody_made_is_invalid_and_makes_no_order(pay, sandbox):
    for answer in (pay.authorization(), pay.capture(), pay.captured(), pay.authorization("x")):
        assert (answer.status, answer.code) == (404, "InvalidTransactionId")
    assert sandbox.orders() == []
    sandbox.stage(ORDER, state="Open")
    assert pay.authorization().code == "InvalidTransactionId"
    assert pay.captured().code == "InvalidTransactionId"


def test_a_transaction_of_another_seller_is_none_of_ones_own(clock, accounts):
    theirs = AmazonPayAccount("SELLER2", "AKIAOTHER", "other-fake-secret")
    with Sandbox([*accounts, theirs], clock=clock) as sandbox:
        sandbox.stage(ORDER, seller="SELLER2", authorizations=["Open"])
        pay = Payments(Amazon(sandbox.url, clock))
        assert pay.authorization().code == "InvalidTransactionId"
        assert [order["seller"] for order in sandbox.orders()] == ["SELLER2"]


@pytest.mark.parametrize(
    ("note", "state", "order"),
    [
        (simulation("Declined", "InvalidPaymentMethod"), "Declined", "Suspended"),
        (simulation("Declined", "AmazonRejected"), "Declined", "Open"),
        (simulation("Closed", "AmazonClosed"), "Closed", "Open"),
        ("a note", "Open", "Open"),
    ],
)
@pytest.mark.parametrize("timeout", ["0", "1440"])
def test_an_authorization_ends_as_its_note_asks(amazon, pay, timeout, note, state, order):
    amazon.confirm()
    pay.authorize(SellerAuthorizationNote=note, TransactionTimeout=timeout)
    assert pay.authorization_state() == state
    assert amazon.state() == order


def test_a_repaired_payment_method_is_not_held_against_the_order_again(amazon, sandbox, pay):
    amazon.confirm()
    pay.authorize(SellerAuthorizationNote=simulation("Declined", "InvalidPaymentMethod"))
    sandbox.stage(ORDER, payment_repaired=True)
    amazon.confirm()
    assert pay.authorize("a-2").text("AuthorizationStatus/State") == "Open"
    assert amazon.state() == "Open"


def test_a_pending_capture_is_asked_for_by_its_note_and_holds_the_order(amazon, pay):
    amazon.confirm()
    pay.authorize()
    pay.capture(SellerCaptureNote=simulation("Pending"))
    assert pay.captured().text("CaptureStatus/State") == "Pending"
    assert amazon.cancel().code == "InvalidCancelAttempt"


def test_a_declined_capture_takes_nothing(amazon, pay):
    amazon.confirm()
    pay.authorize()
    pay.capture(SellerCaptureNote=simulation("Declined", "AmazonRejected"))
    assert pay.authorization().text("CapturedAmount/Amount") == "0.00"
    assert amazon.cancel().code is None


def test_a_closure_may_be_amazons(amazon):
    amazon.confirm()
    amazon("CloseOrderReference", ClosureReason=simulation("Closed", "AmazonClosed"))
    assert amazon.get().text("ReasonCode") == "AmazonClosed"


@pytest.mark.parametrize(
    "note",
    [
        simulation("Declined", "Mood"),
        simulation("Declined"),
        simulation("Elsewhere", "AmazonClosed"),
        '{"SandboxSimulation": "Declined"}',
        '{"SandboxSimulation": {"State": []}}',
        '["SandboxSimulation"]',
        "SandboxSimulation",
    ],
)
def test_a_simulation_that_there_is_not_is_refused_in_the_test_environment(
    amazon, sandbox, pay, clock, note
):
    amazon.confirm()
    assert pay.authorize(SellerAuthorizationNote=note).code == "InvalidSandboxSimulationSpecified"
    live = Amazon(sandbox.url, clock, path=PRODUCTION)
    live.confirm(LIVE)
    answer = Payments(live, LIVE).authorize(SellerAuthorizationNote=note)
    assert answer.text("AuthorizationStatus/State") == "Open"

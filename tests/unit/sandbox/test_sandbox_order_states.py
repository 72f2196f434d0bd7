"""The sheet's table "operation by state", cell by cell, and every switch that changes a cell."""

import pytest
from sandbox_clients import ORDER, PRODUCTION, Amazon

from worker.sandbox.amazon_pay.orders import State

STATUS, FIXED = "InvalidOrderReferenceStatus", "OrderReferenceNotModifiable"
CONFIRM, CANCEL, CLOSE = (
    "ConfirmOrderReference",
    "CancelOrderReference",
    "CloseOrderReference",
)
TOTAL = {
    "OrderReferenceAttributes__OrderTotal__Amount": "12.50",
    "OrderReferenceAttributes__OrderTotal__CurrencyCode": "EUR",
}
AUTHORIZE = {
    "AuthorizationReferenceId": "a-1",
    "AuthorizationAmount__Amount": "10.00",
    "AuthorizationAmount__CurrencyCode": "EUR",
}
MORE = {"SetOrderReferenceDetails": TOTAL, "Authorize": AUTHORIZE}

# operation: state -> (code or None, state afterwards)
CELLS = {
    CONFIRM: {
        "Draft": (None, "Open"),
        "Open": (None, "Open"),
        "Suspended": (STATUS, "Suspended"),
        "Canceled": (STATUS, "Canceled"),
        "Closed": (STATUS, "Closed"),
    },
    CANCEL: {
        "Draft": (None, "Canceled"),
        "Open": (None, "Canceled"),
        "Suspended": (None, "Canceled"),
        "Canceled": (None, "Canceled"),
        "Closed": (STATUS, "Closed"),
    },
    CLOSE: {
        "Draft": (STATUS, "Draft"),
        "Open": (None, "Closed"),
        "Suspended": (None, "Closed"),
        "Canceled": (STATUS, "Canceled"),
        "Closed": (None, "Closed"),
    },
    "SetOrderReferenceDetails": {
        state: (None if state == "Draft" else FIXED, state) for state in State
    },
    "Authorize": {state: (None if state == "Open" else STATUS, state) for state in State},
    "GetOrderReferenceDetails": {state: (None, state) for state in State},
}


@pytest.mark.parametrize(
    ("operation", "state"), [(operation, state) for operation in CELLS for state in State]
)
def test_each_operation_does_in_each_state_what_the_table_says(amazon, sandbox, operation, state):
    sandbox.stage(ORDER, state=state.value)
    answer = amazon(operation, **MORE.get(operation, {}))
    assert (answer.code, amazon.state()) == CELLS[operation][state]
    assert answer.status == (200 if answer.code is None else 405)


@pytest.mark.parametrize(
    ("switch", "operation", "state"),
    [
        ("confirm_on_open", CONFIRM, "Open"),
        ("confirm_on_canceled", CONFIRM, "Canceled"),
        ("confirm_on_closed", CONFIRM, "Closed"),
        ("cancel_on_draft", CANCEL, "Draft"),
        ("cancel_on_canceled", CANCEL, "Canceled"),
        ("cancel_on_closed", CANCEL, "Closed"),
        ("close_on_draft", CLOSE, "Draft"),
        ("close_on_canceled", CLOSE, "Canceled"),
        ("close_on_closed", CLOSE, "Closed"),
    ],
)
def test_a_switch_gives_its_cell_each_of_its_values(amazon, sandbox, switch, operation, state):
    from worker.sandbox.switches import SWITCHES

    for value in SWITCHES[switch].allowed:
        sandbox.reset()
        sandbox.stage(ORDER, state=state)
        sandbox.switch(**{switch: value})
        accepted = value in {"ok_no_change", "canceled"}
        assert amazon(operation).code == (None if accepted else value)
        assert amazon.state() == ("Canceled" if value == "canceled" else state)


def test_a_suspended_order_opens_again_once_its_payment_is_repaired(amazon, sandbox):
    sandbox.stage(ORDER, state="Suspended", reason_code="InvalidPaymentMethod")
    assert amazon.confirm().code == STATUS
    sandbox.stage(ORDER, payment_repaired=True)
    assert amazon.confirm().code is None
    assert amazon.state() == "Open"


def test_constraints_refuse_a_confirm_until_the_amount_is_set(amazon, sandbox):
    sandbox.switch(unknown_order="constrained")
    refused = amazon.confirm()
    assert (refused.status, refused.code) == (400, "ConstraintsExist")
    assert "AmountNotSet" in refused.text("Message")
    assert amazon.get().text("Constraints/Constraint/ConstraintID") == "AmountNotSet"
    assert amazon.get().text("OrderTotal/Amount") is None
    amazon("SetOrderReferenceDetails", **TOTAL)
    assert amazon.confirm().code is None


def test_an_order_has_its_buyer_only_after_the_confirm(amazon):
    before = amazon.get()
    assert before.text("PhysicalDestination/City") == "Springfield"
    for hidden in ("Buyer", "Buyer/Name", "PhysicalDestination/Name", "AddressLine1"):
        assert before.root.find(f".//{hidden}") is None
    amazon.confirm()
    after = amazon.get()
    assert after.text("Buyer/Name") == "Jane Doe"
    assert after.text("Buyer/Email") == "jane.doe@example.com"
    assert after.text("PhysicalDestination/AddressLine1") == "1 Sample Street"


def test_a_cancel_keeps_its_reason_for_the_next_read(amazon):
    amazon.cancel(CancelationReason="out of <stock> & gone")
    read = amazon.get()
    assert read.text("ReasonCode") == "SellerCanceled"
    assert read.text("ReasonDescription") == "out of <stock> & gone"


def test_a_reason_over_1024_characters_is_refused_or_cut(amazon, sandbox):
    assert amazon.cancel(CancelationReason="\u20ac" * 1024).code is None
    sandbox.reset()
    assert amazon.cancel(CancelationReason="x" * 1025).code == "InvalidParameterValue"
    sandbox.switch(cancel_reason_over_1024="truncate")
    assert amazon.cancel(CancelationReason="x" * 1025).code is None
    assert amazon.get().text("ReasonDescription") == "x" * 1024


@pytest.mark.parametrize(("seconds", "state"), [(3 * 3600 - 1, "Draft"), (3 * 3600, "Canceled")])
def test_a_draft_is_stale_after_three_hours(amazon, clock, seconds, state):
    assert amazon.state() == "Draft"
    clock.advance(seconds)
    read = amazon.get()
    assert read.text("OrderReferenceStatus/State") == state
    assert read.text("ReasonCode") == ("Stale" if state == "Canceled" else None)


def test_an_open_order_expires_after_180_days(amazon, clock):
    amazon.confirm()
    clock.advance(180 * 86400)
    assert amazon.get().text("ReasonCode") == "Expired"
    assert amazon.state() == "Closed"


def test_the_books_tell_accepted_writes_from_changes(amazon, sandbox):
    for write in (amazon.confirm, amazon.confirm, amazon.cancel, amazon.cancel, amazon.confirm):
        write()
    order = sandbox.order(ORDER)
    assert order["accepted"] == {CONFIRM: 2, CANCEL: 2}
    assert order["changed"] == {CONFIRM: 1, CANCEL: 1}


def test_a_lagging_read_shows_the_past(amazon, sandbox, clock):
    amazon.get()
    sandbox.switch(read_lag_s=30)
    amazon.confirm()
    clock.advance(29)
    assert amazon.state() == "Draft"
    clock.advance(1)
    assert amazon.state() == "Open"


@pytest.mark.parametrize(
    "order", ["S01-123-1234567", "nonsense", "S01-1234567-1234567-A000001", "B01-1234567-1234567"]
)
def test_an_id_of_another_form_is_invalid(amazon, order):
    answer = amazon.confirm(order)
    assert (answer.status, answer.code) == (404, "InvalidOrderReferenceId")
    assert order in answer.text("Message")


def test_an_unknown_order_is_invalid_if_the_switch_says_so(amazon, sandbox):
    sandbox.stage(ORDER)
    sandbox.switch(unknown_order="invalid")
    assert amazon.confirm().code is None
    assert amazon.confirm("S01-7654321-7654321").code == "InvalidOrderReferenceId"


def test_an_id_of_the_other_environment_is_an_internal_error_for_ever(amazon, sandbox, clock):
    live = Amazon(sandbox.url, clock, path=PRODUCTION)
    for answer in (amazon.get("P01-1234567-1234567"), live.get(ORDER)) * 2:
        assert (answer.status, answer.code) == (500, "InternalServerError")
    assert live.confirm("P01-1234567-1234567").code is None
    assert live.get("P01-1234567-1234567").text("ReleaseEnvironment") == "Live"


def test_answers_look_like_the_documented_ones(amazon):
    answer = amazon.confirm()
    assert answer.body.startswith(
        b'<ConfirmOrderReferenceResponse xmlns="https://mws.amazonservices.com/schema/'
        b'OffAmazonPayments/2013-01-01"><ResponseMetadata><RequestId>'
    )
    assert answer.headers["Content-Type"] == "text/xml"
    assert answer.headers["x-mws-request-id"] == answer.text("RequestId")
    assert answer.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert amazon("GetServiceStatus", None).text("Status") == "GREEN"


@pytest.mark.parametrize(
    ("switch", "value", "seen"),
    [
        ("error_body", "plain_text", b"InvalidOrderReferenceId The"),
        ("error_body", "html", b"<html>"),
        ("error_body", "empty", b""),
        ("request_id_tag", "RequestID", b"</RequestID></ErrorResponse>"),
        ("error_type", "blank", b"<Type/>"),
        ("error_type", "Server", b"<Type>Server</Type>"),
        ("namespace_scheme", "http", b'xmlns="http://'),
    ],
)
def test_errors_come_in_every_form_that_was_seen(amazon, sandbox, switch, value, seen):
    sandbox.switch(**{switch: value})
    answer = amazon.confirm("nonsense")
    assert answer.status == 404
    assert seen in answer.body
    assert bool(seen) == bool(answer.body)


def test_the_result_element_of_a_write_can_be_present(amazon, sandbox):
    assert b"Result" not in amazon.confirm().body
    sandbox.switch(result_element="empty")
    assert b"<ConfirmOrderReferenceResult/>" in amazon.confirm().body


@pytest.mark.parametrize(
    ("switch", "status"), [("state_error_status", "404"), ("constraints_status", "404")]
)
def test_an_unconfirmed_status_is_a_switch(amazon, sandbox, switch, status):
    sandbox.switch(**{switch: status})
    sandbox.stage(ORDER, state="Closed")
    sandbox.stage("S01-0000000-0000002", constraints=["BuyerEqualsSeller"])
    order = ORDER if switch == "state_error_status" else "S01-0000000-0000002"
    assert amazon.confirm(order).status == 404

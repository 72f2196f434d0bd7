"""What an order's state means for a job, and whose doing it is."""

import json

import pytest
from amazon_answers import NOW, REQUEST_ID, job, order, reply, vectors

from worker.domain.jobs import Job, Task
from worker.domain.outcomes import Answer, Basis, Outcome, Standing
from worker.providers.amazon_pay.lookup import CANCELED_BECAUSE, READINGS, read_order
from worker.providers.amazon_pay.responses import parse

READING_ROWS = vectors("states.toml")["readings"]


def look(body: str, job_: Job) -> Answer:
    return parse(
        reply(200, body),
        NOW,
        action="GetOrderReferenceDetails",
        read=lambda details: read_order(details, job_),
    )


def element(name: str, value: str | None) -> str:
    return "" if value is None else f"<{name}>{value}</{name}>"


@pytest.mark.parametrize("row", READING_ROWS, ids=lambda row: " ".join(map(str, row.values())))
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower])
def test_each_state_stands_where_the_table_says(row, spelling):
    body = order(spelling(row["state"]), element("ReasonCode", row.get("reason_code")))
    answer = look(body, job(Task(row["task"])))
    assert answer.outcome is Outcome.APPLIED
    assert answer.request_id == REQUEST_ID
    assert answer.order.standing == row["standing"]
    assert answer.order.state == spelling(row["state"])
    assert answer.order.reason_code == row.get("reason_code")
    assert row.get("advice", "") in (answer.order.advice or "")
    assert (answer.order.advice is not None) == (answer.order.standing is Standing.EXCLUDED)
    # Section 7 of the facts: a draft is left by a confirm or by a cancel, and by nothing else.
    assert answer.order.was_open == (row["state"] in {"Suspended", "Closed"})


def test_the_table_of_states_and_its_vectors_have_the_same_rows():
    assert {(row["task"], row["state"].lower()) for row in READING_ROWS} == set(READINGS)
    of_confirms = [
        row for row in READING_ROWS if (row["task"], row["state"]) == ("confirm", "Canceled")
    ]
    assert {row.get("reason_code") for row in of_confirms} == {None, *CANCELED_BECAUSE}
    assert all(
        row.keys() <= {"task", "state", "reason_code", "standing", "advice"} for row in READING_ROWS
    )


@pytest.mark.parametrize(
    "body", [order("Exploded"), order(""), order("Open", order_id="S01-7654321-7654321")]
)
def test_an_unknown_state_or_another_order_is_no_answer_to_the_question(body):
    answer = look(body, job(Task.CONFIRM))
    assert (answer.outcome, answer.order) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    ("updated", "sent_at", "basis"),
    [
        ("2023-05-06T07:08:09Z", NOW, Basis.OWN),
        ("2023-05-06T07:08:09.123Z", NOW, Basis.OWN),
        ("2023-05-06T07:03:09Z", NOW, Basis.OWN),
        ("2023-05-06T07:03:08Z", NOW, Basis.OTHER),
        ("2023-05-06T07:03:08", NOW, Basis.OTHER),
        ("2023-05-06T09:08:09+02:00", NOW, Basis.OWN),
        ("2023-05-06T07:08:09Z", None, Basis.OTHER),
        (None, NOW, Basis.OWN),
        ("not a time", NOW, Basis.OWN),
    ],
)
def test_a_confirm_is_ours_unless_the_order_was_open_before_we_sent(updated, sent_at, basis):
    body = order("Open", element("LastUpdateTimestamp", updated))
    assert look(body, job(Task.CONFIRM, sent_at=sent_at)).order.basis is basis


@pytest.mark.parametrize(
    ("reason", "code", "description", "basis"),
    [
        ("out of stock", "SellerCanceled", "out of stock", Basis.OWN),
        ("out of stock", "SellerCanceled", "changed my mind", Basis.OTHER),
        ("out of stock", "SellerCanceled", None, Basis.OTHER),
        ("out of stock", "AmazonCanceled", "out of stock", Basis.OTHER),
        (None, "SellerCanceled", None, Basis.OWN),
        ("", "SellerCanceled", None, Basis.OWN),
        (None, "SellerCanceled", "", Basis.OWN),
        (None, "Stale", None, Basis.OTHER),
        (None, None, None, Basis.OTHER),
        ("two\r\nlines", "SellerCanceled", "two\nlines", Basis.OWN),
    ],
)
def test_a_cancel_is_ours_by_its_reason(reason, code, description, basis):
    inside = element("ReasonCode", code) + element("ReasonDescription", description)
    assert look(order("Canceled", inside), job(Task.CANCEL, reason)).order.basis is basis


def test_details_hold_what_the_shop_needs_and_authorizations_are_listed():
    more = """
      <Buyer><Name>Ada L.</Name><Email>ada@example.com</Email></Buyer>
      <OrderTotal><Amount>10.00</Amount><CurrencyCode>EUR</CurrencyCode></OrderTotal>
      <Destination><DestinationType>Physical</DestinationType><PhysicalDestination>
        <AddressLine1>1 Way</AddressLine1><CountryCode>DE</CountryCode>
      </PhysicalDestination></Destination>
      <SellerOrderAttributes><SellerOrderId>42</SellerOrderId></SellerOrderAttributes>
      <Constraints><Constraint><ConstraintID>AmountNotSet</ConstraintID>
        <Description>Set it</Description></Constraint></Constraints>
      <IdList><member>S01-1234567-1234567-A012345</member><member> </member></IdList>
      <SomethingNew>kept</SomethingNew>
    """
    view = look(order("Open", more=more), job(Task.CONFIRM)).order
    assert view.authorizations == ("S01-1234567-1234567-A012345",)
    assert json.loads(json.dumps(view.details)) == view.details
    assert view.details["buyer"] == {"name": "Ada L.", "email": "ada@example.com"}
    assert view.details["order_total"] == {"amount": "10.00", "currency_code": "EUR"}
    assert view.details["destination"]["physical_destination"] == {
        "address_line1": "1 Way",
        "country_code": "DE",
    }
    assert view.details["seller_order_attributes"] == {"seller_order_id": "42"}
    assert view.details["constraints"] == [
        {"constraint_id": "AmountNotSet", "description": "Set it"}
    ]
    assert view.details["something_new"] == "kept"


def test_a_document_nested_a_hundred_thousand_levels_deep_is_read():
    body = order("Open", more="<x>" * 100_000 + "</x>" * 100_000)
    assert look(body, job(Task.CONFIRM)).order.standing is Standing.REACHED

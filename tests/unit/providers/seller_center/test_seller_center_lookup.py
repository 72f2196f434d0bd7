import json
from functools import partial

import pytest
from seller_center_answers import FORMATS, failure, items, reply, success

from worker.domain.jobs import Request, Task
from worker.domain.outcomes import Basis, Outcome, Standing
from worker.providers.seller_center.lookup import read_item
from worker.providers.seller_center.responses import parse

forms = pytest.mark.parametrize("form", FORMATS)


def item(number, status="pending", **fields):
    return {"OrderItemId": str(number), "OrderId": "4711", "Status": status, **fields}


def wanted(reason="SHORTAGE", detail=None):
    return Request(Task.CANCEL, "mall", "7", reason=reason, reason_detail=detail)


def looked_up(body, request=None, status=200):
    read = partial(read_item, request=request or wanted())
    return parse(reply(body, status), 0.0, action="GetOrderItems", read=read)


def seen(body, request=None):
    answer = looked_up(body, request)
    assert answer.outcome is Outcome.APPLIED
    return answer.order


@forms
@pytest.mark.parametrize("others", [0, 1, 2])
def test_our_item_is_found_alone_or_among_others(form, others):
    rest = [item(100 + n, "shipped") for n in range(others)]
    order = seen(items(form, *rest, item(7)))
    assert (order.order_id, order.state, order.standing) == ("7", "pending", Standing.NOT_YET)


def test_a_number_is_as_good_an_id_as_its_text():
    body = {"OrderItems": {"OrderItem": {"OrderItemId": 7, "Status": "pending"}}}
    assert seen(success("json", "GetOrderItems", body)).standing is Standing.NOT_YET


def test_items_may_stand_in_a_list_of_their_own():
    body = {"OrderItems": [item(7, "canceled")]}
    assert seen(success("json", "GetOrderItems", body)).standing is Standing.REACHED


@forms
@pytest.mark.parametrize(
    ("fields", "asking", "basis"),
    [
        ({"Reason": "SHORTAGE"}, wanted(), Basis.OWN),
        ({"Reason": " SHORTAGE "}, wanted(), Basis.OWN),
        ({"Reason": "SHORTAGE", "ReasonDetail": "x"}, wanted(), Basis.OWN),
        ({"Reason": "SHORTAGE", "ReasonDetail": "x"}, wanted(detail="x"), Basis.OWN),
        ({"Reason": "SHORTAGE", "ReasonDetail": "y"}, wanted(detail="x"), Basis.OTHER),
        ({"Reason": "SHORTAGE"}, wanted(detail="x"), Basis.OTHER),
        ({"Reason": "Wrong address"}, wanted(), Basis.OTHER),
        ({"Reason": "shortage"}, wanted(), Basis.OTHER),
        ({"Reason": ""}, wanted(), Basis.OTHER),
        ({}, wanted(), Basis.OTHER),
    ],
)
def test_a_cancelled_item_is_ours_if_it_carries_our_reason(form, fields, asking, basis):
    order = seen(items(form, item(7, "canceled", **fields)), asking)
    assert (order.standing, order.basis) == (Standing.REACHED, basis)
    assert order.advice is None


@forms
def test_the_reason_that_stands_at_the_provider_is_reported(form):
    order = seen(items(form, item(7, "canceled", Reason="Wrong address", ReasonDetail="moved")))
    assert (order.reason_code, order.reason_description) == ("Wrong address", "moved")


@forms
@pytest.mark.parametrize(
    "status",
    [
        "ready_to_ship",
        "shipped",
        "delivered",
        "failed",
        "returned",
        "return_ship_by_customer",
        "return_awaiting_for_approval",
        "returned_rejected",
    ],
)
def test_a_later_status_excludes_the_cancellation_and_says_what_to_do(form, status):
    order = seen(items(form, item(7, status)))
    assert order.standing is Standing.EXCLUDED
    assert order.state == status
    assert order.advice


@forms
@pytest.mark.parametrize("status", ["", "economy", "PENDING", "canceled_by_nobody"])
def test_a_status_that_we_do_not_know_leaves_it_open(form, status):
    answer = looked_up(items(form, item(7, status)))
    assert (answer.outcome, answer.order) == (Outcome.UNKNOWN, None)


@forms
def test_an_item_that_is_not_in_its_order_needs_a_person(form):
    order = seen(items(form, item(70), item(77)))
    assert (order.standing, order.state) == (Standing.MISSING, "missing")
    assert "parent_order_id" in order.advice


@forms
def test_an_order_that_does_not_exist_needs_a_person(form):
    answer = looked_up(
        failure(form, 16, 'E016: "4711" Invalid Order ID', action="GetOrderItems"), status=400
    )
    assert (answer.outcome, answer.code) == (Outcome.APPLIED, "E016")
    assert answer.order.standing is Standing.MISSING
    assert answer.order.advice


@pytest.mark.parametrize("body", ["", [], {}, None, {"OrderItems": ""}, {"OrderItems": []}])
def test_an_order_without_items_does_not_hold_ours(body):
    assert seen(success("json", "GetOrderItems", body)).standing is Standing.MISSING


@pytest.mark.parametrize(
    "body",
    [
        "text",
        ["text"],
        {"Orders": {}, "More": "1"},
        {"OrderItems": "text"},
        {"OrderItems": {"Item": "1"}},
        {"OrderItems": {"OrderItem": "text"}},
        {"OrderItems": {"OrderItem": [{"OrderItemId": "70"}, {"Status": "pending"}]}},
    ],
)
def test_an_answer_that_cannot_be_read_to_its_end_leaves_it_open(body):
    assert looked_up(success("json", "GetOrderItems", body)).outcome is Outcome.UNKNOWN


@forms
def test_a_missing_field_of_another_item_does_not_hide_ours(form):
    assert seen(items(form, {"Status": "shipped"}, item(7))).standing is Standing.NOT_YET


@forms
def test_a_time_without_a_zone_is_kept_as_text_and_not_taken_for_utc(form):
    order = seen(items(form, item(7, UpdatedAt="2015-07-01 11:11:11", Name="Größe")))
    assert order.updated_at is None
    assert order.details["UpdatedAt"] == "2015-07-01 11:11:11"
    assert json.loads(json.dumps(order.details))["Name"] == "Größe"


@forms
def test_only_harmless_fields_are_kept(form):
    fields = {"DigitalDeliveryInfo": "buyer@example.com", "Sku": "A1"}
    assert "buyer@example.com" not in repr(seen(items(form, item(7, **fields))))

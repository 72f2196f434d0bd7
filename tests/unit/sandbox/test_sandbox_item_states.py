"""Order items: what SetStatusToCanceled does to each status, and how items are read back."""

import json

import pytest
from sandbox_clients import USER

from worker.sandbox.seller_center.items import STATUSES

ITEM = "10937342"


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_pending_item_can_be_canceled(center, sandbox, status):
    sandbox.stage(ITEM, state=status)
    answer = center.cancel(ITEM)
    assert answer.status == 200
    assert answer.code == (None if status == "pending" else "E028")
    assert sandbox.order(ITEM)["state"] == ("canceled" if status == "pending" else status)


def test_a_cancel_leaves_its_reason_for_the_read(center, sandbox):
    assert center.cancel(ITEM, ReasonDetail="none left").text("RequestAction") == (
        "SetStatusToCanceled"
    )
    read = center.items("4711")
    assert read.text("OrderItem/OrderItemId") == ITEM
    assert read.text("OrderItem/OrderId") == "4711"
    assert read.text("OrderItem/Status") == "canceled"
    assert read.text("OrderItem/Reason") == "SHORTAGE"
    assert read.text("OrderItem/ReasonDetail") == "none left"
    assert sandbox.order(ITEM)["changed"] == {"SetStatusToCanceled": 1}


def test_a_second_cancel_is_refused_or_a_success(center, sandbox):
    center.cancel(ITEM)
    assert center.cancel(ITEM).code == "E028"
    sandbox.switch(cancel_of_canceled="success")
    assert center.cancel(ITEM).code is None
    assert sandbox.order(ITEM)["accepted"] == {"SetStatusToCanceled": 2}
    assert sandbox.order(ITEM)["changed"] == {"SetStatusToCanceled": 1}


def test_the_statuses_that_can_be_canceled_are_a_switch(center, sandbox):
    sandbox.switch(cancel_from="pending, ready_to_ship")
    sandbox.stage(ITEM, state="ready_to_ship")
    assert center.cancel(ITEM).code is None


def test_an_item_that_the_venture_fulfils_is_refused(center, sandbox):
    sandbox.stage(ITEM, own_warehouse=True)
    assert center.cancel(ITEM).code == "E028"
    assert center.items().text("ShippingType") == "Own Warehouse"


def test_an_item_that_is_not_processable_is_to_be_tried_later(center, sandbox):
    sandbox.switch(unknown_order="constrained")
    answer = center.cancel(ITEM)
    assert answer.code == "E119"
    assert "try again later" in answer.text("ErrorMessage")
    sandbox.stage(ITEM, processable=True)
    assert center.cancel(ITEM).code is None


@pytest.mark.parametrize("scope", ["item", "package"])
def test_a_cancel_takes_its_siblings_along_if_the_scope_is_the_package(center, sandbox, scope):
    sandbox.switch(cancel_scope=scope)
    for item in ("1", "2", "3"):
        sandbox.stage(item, parent="4711" if item != "3" else "4712")
    center.cancel("1")
    assert [sandbox.order(item)["state"] for item in ("1", "2", "3")] == [
        "canceled",
        "canceled" if scope == "package" else "pending",
        "pending",
    ]
    assert center.cancel("2").code == ("E028" if scope == "package" else None)


@pytest.mark.parametrize("item", ["abc", "0", "-1", "2147483648", "1.0", "\u0661"])
def test_an_id_that_is_no_int32_is_invalid(center, item):
    answer = center.cancel(item)
    assert answer.text("ErrorMessage") == f'E020: "{item}" Invalid Order Item ID'
    assert center.items(item).code == "E016"


def test_unknown_items_and_orders_are_invalid_if_the_switch_says_so(center, sandbox):
    sandbox.switch(unknown_order="invalid")
    assert center.cancel(ITEM).code == "E020"
    assert center.items().code == "E016"
    sandbox.stage(ITEM, parent="4711")
    assert center.cancel(ITEM).code is None
    assert center.items().code is None


def test_a_reason_must_be_on_the_list(center, sandbox):
    assert (
        center.cancel(reason="shortage").text("ErrorMessage") == 'E022: "shortage" Invalid Reason'
    )
    sandbox.switch(reason_compare="case_insensitive")
    assert center.cancel(reason="shortage").code is None
    sandbox.switch(reason_list=["Wrong address"])
    assert center.cancel("2", reason="SHORTAGE").code == "E022"
    names = [name.text for name in center("GetFailureReasons").root.findall(".//Name")]
    assert names[0] == "Wrong address"


def test_a_reason_can_be_a_number(center, sandbox):
    sandbox.switch(reason_parameter="ReasonId")
    assert center.cancel(reason=None, ReasonId="1").code is None
    assert center.cancel("2", reason=None, ReasonId="99").code == "E022"
    assert center.cancel("2").code == "E001"


def test_a_reason_detail_can_have_a_limit(center, sandbox):
    sandbox.switch(reason_detail_limit=5)
    assert center.cancel(ReasonDetail="123456").code == "E097"
    assert center.cancel(ReasonDetail="12345").code is None


def test_an_order_that_was_never_seen_has_one_pending_item(center):
    read = center.items("4711")
    assert read.text("OrderItem/OrderItemId") == "4711"
    assert read.text("OrderItem/Status") == "pending"


def test_items_are_shown_in_their_own_order_only_once_it_is_declared(center, sandbox):
    sandbox.stage("1", parent="4711")
    sandbox.stage("2", parent="4712")
    found = [element.text for element in center.items("4711").root.iter("OrderItemId")]
    assert found == ["1"]


def test_many_orders_are_read_at_once(center, sandbox):
    for item, parent in (("1", "4711"), ("2", "4711"), ("3", "4712")):
        sandbox.stage(item, parent=parent)
    answer = center("GetMultipleOrderItems", OrderIdList="[4711, 4712]")
    assert [element.text for element in answer.root.iter("OrderItemId")] == ["1", "2", "3"]
    assert center("GetMultipleOrderItems", OrderIdList="4711,4712").code == "E056"
    assert center("GetMultipleOrderItems", OrderIdList="[x]").code == "E037"


def test_an_order_shows_the_statuses_of_its_items(center, sandbox):
    sandbox.stage("1", parent="4711")
    sandbox.stage("2", parent="4711", state="shipped")
    statuses = center("GetOrder", OrderId="4711").root.findall(".//Statuses/Status")
    assert [status.text for status in statuses] == ["pending", "shipped"]


def test_items_become_ready_to_ship_together(center, sandbox):
    for item, parent in (("1", "4711"), ("2", "4711"), ("3", "4712")):
        sandbox.stage(item, parent=parent)
    ship = {"DeliveryType": "dropship"}
    assert center("SetStatusToReadyToShip", OrderItemIds="[1,3]", **ship).code == "E029"
    assert center("SetStatusToReadyToShip", OrderItemIds="[1,2]", **ship).code is None
    assert center("SetStatusToReadyToShip", OrderItemIds="x", **ship).code == "E023"
    assert center.cancel("1").code == "E028"
    sandbox.stage("3", state="shipped")
    assert center("SetStatusToReadyToShip", OrderItemIds="3", **ship).code == "E073"


def test_json_shows_one_item_as_an_object_and_two_as_a_list(center, sandbox):
    sandbox.stage("1", parent="4711")

    def item():
        tree = json.loads(center.items(Format="JSON").body)
        return tree["SuccessResponse"]["Body"]["OrderItems"]["OrderItem"]

    assert item()["OrderItemId"] == "1"
    assert all(isinstance(value, str) for value in item().values())
    sandbox.switch(json_single_item="array")
    assert len(item()) == 1
    sandbox.stage("2", parent="4711")
    assert [one["OrderItemId"] for one in item()] == ["1", "2"]


@pytest.mark.parametrize(("switch", "body"), [('""', ""), ("[]", []), ("{}", {})])
def test_json_without_a_body_comes_in_every_form_that_was_seen(center, sandbox, switch, body):
    sandbox.switch(empty_body=switch)
    answer = center.cancel(Format="JSON")
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == {
        "SuccessResponse": {
            "Head": {
                "RequestId": "",
                "RequestAction": "SetStatusToCanceled",
                "ResponseType": "",
                "Timestamp": "2023-11-14T22:13:20+0000",
            },
            "Body": body,
        }
    }


def test_an_error_has_the_documented_head(center, sandbox):
    assert center.cancel("abc").body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Head>'
        "<RequestAction>SetStatusToCanceled</RequestAction><ErrorType>Sender</ErrorType>"
        '<ErrorCode>20</ErrorCode><ErrorMessage>E020: "abc" Invalid Order Item ID</ErrorMessage>'
        "</Head><Body/></ErrorResponse>"
    )
    sandbox.switch(error_code_missing="on", error_http_status=400)
    answer = center.cancel("abc")
    assert answer.status == 400
    assert answer.text("ErrorCode") is None


def test_a_head_can_be_in_the_ventures_time(center, sandbox):
    sandbox.switch(head_offset="-03:00")
    assert center.cancel().text("Timestamp") == "2023-11-14T19:13:20-03:00"


def test_a_lagging_read_shows_an_item_as_it_was(center, sandbox, clock):
    sandbox.stage(ITEM, parent="4711")
    clock.advance(1)
    sandbox.switch(read_lag_s=10)
    center.cancel(ITEM)
    clock.advance(9)
    assert center.items().text("Status") == "pending"
    clock.advance(1)
    assert center.items().text("Status") == "canceled"


def test_two_users_share_no_item(center, sandbox):
    center.cancel(ITEM)
    sandbox.stage(ITEM, seller="somebody@else.com")
    states = {item["seller"]: item["state"] for item in sandbox.orders(ITEM)}
    assert states == {USER: "canceled", "somebody@else.com": "pending"}

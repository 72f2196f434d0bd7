from dataclasses import replace

import pytest

from worker.domain.jobs import Request, Task
from worker.providers.base import BadInput
from worker.providers.seller_center.admission import check

GOOD = Request(Task.CANCEL, "mall", "10937342", parent_order_id="4711", reason="SHORTAGE")


def refused(**changes):
    with pytest.raises(BadInput) as caught:
        check(replace(GOOD, **changes))
    return caught.value


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"order_id": "1"},
        {"order_id": "2147483647"},
        {"parent_order_id": None},
        {"parent_order_id": "9" * 19},
        {"reason": None},
        {"reason": "x" * 1024, "reason_detail": "ñ" * 1024},
        {"reason": "Sourcing team couldn't find items (*~+)"},
    ],
)
def test_a_cancel_of_an_item_is_taken(changes):
    check(replace(GOOD, **changes))


def test_a_confirm_is_refused_with_what_can_be_done():
    error = refused(task=Task.CONFIRM)
    assert error.field == "task"
    assert "cancel an order item (SetStatusToCanceled)" in error.message


@pytest.mark.parametrize(
    "order_id",
    [
        "",
        "0",
        "-1",
        "+1",
        "01",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "2147483648",
        "abc",
        "٣",
        "1" * 500,
    ],
)
def test_an_item_id_is_a_positive_31_bit_number(order_id):
    error = refused(order_id=order_id)
    assert error.field == "order_id"
    assert "from 1 to 2147483647" in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize("order_id", ["", "0", "-1", "04711", "4711 ", "9" * 20, "S01-1"])
def test_a_parent_order_id_is_a_positive_number(order_id):
    assert refused(parent_order_id=order_id).field == "parent_order_id"


@pytest.mark.parametrize("field", ["reason", "reason_detail"])
@pytest.mark.parametrize("text", ["x" * 1025, "\ud800", "a\0b"])
def test_a_text_that_cannot_be_sent_is_refused(field, text):
    assert refused(**{field: text}).field == field


@pytest.mark.parametrize("field", ["success_url", "failure_url"])
def test_addresses_for_the_buyer_are_refused(field):
    assert refused(**{field: "https://shop.example/"}).field == field

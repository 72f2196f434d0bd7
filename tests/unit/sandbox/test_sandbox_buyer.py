"""Strong customer authentication: the order stays a Draft until the buyer has been to the bank."""

import pytest
from sandbox_clients import ORDER

CONFIRM = "ConfirmOrderReference"
URLS = {"SuccessUrl": "https://shop.example/ok", "FailureUrl": "https://shop.example/no"}


@pytest.mark.parametrize(("buyer", "state"), [("approves", "Open"), ("declines", "Draft")])
def test_with_sca_the_buyer_decides_after_the_confirm(amazon, sandbox, buyer, state):
    sandbox.switch(sca="on")
    assert amazon.confirm().code == "InvalidParameterValue"
    assert amazon.confirm(**URLS).code is None
    assert amazon.state() == "Draft"
    sandbox.stage(ORDER, buyer=buyer)
    assert amazon.state() == state
    assert amazon.confirm(**URLS).code == (None if state == "Open" else "ConstraintsExist")
    assert sandbox.order(ORDER)["changed"][CONFIRM] == (state == "Open")


@pytest.mark.parametrize(
    ("plays", "state", "changed"), [("approves", "Open", 1), ("declines", "Draft", 0)]
)
def test_a_switch_plays_the_buyer_after_its_time(amazon, sandbox, clock, plays, state, changed):
    sandbox.switch(sca=plays, buyer_after_s=30)
    assert amazon.confirm(**URLS).code is None
    clock.advance(29)
    assert (amazon.state(), sandbox.order(ORDER)["waits_for_buyer"]) == ("Draft", True)
    clock.advance(1)
    order = sandbox.order(ORDER)
    assert (order["state"], order["waits_for_buyer"]) == (state, False)
    assert order["changed"][CONFIRM] == changed
    refused = None if state == "Open" else "ConstraintsExist"
    assert amazon.confirm(**URLS).code == refused


def test_a_second_confirm_does_not_send_the_buyer_away_again(amazon, sandbox, clock):
    sandbox.switch(sca="approves", buyer_after_s=30)
    amazon.confirm(**URLS)
    clock.advance(20)
    amazon.confirm(**URLS)
    clock.advance(10)
    assert amazon.state() == "Open"


def test_a_buyer_who_never_comes_back_leaves_a_draft_that_goes_stale(amazon, sandbox, clock):
    sandbox.switch(sca="on")
    amazon.confirm(**URLS)
    clock.advance(3 * 3600 - 1)
    assert amazon.state() == "Draft"
    clock.advance(1)
    assert amazon.get().text("ReasonCode") == "Stale"
    assert sandbox.order(ORDER)["waits_for_buyer"] is False


def test_a_buyer_who_comes_back_too_late_finds_the_order_canceled(amazon, sandbox, clock):
    sandbox.switch(sca="approves", buyer_after_s=4 * 3600)
    amazon.confirm(**URLS)
    clock.advance(5 * 3600)
    assert amazon.get().text("ReasonCode") == "Stale"


def test_a_buyer_who_was_in_time_is_not_forgotten_when_nobody_looks(amazon, sandbox, clock):
    sandbox.switch(sca="approves", buyer_after_s=60)
    amazon.confirm(**URLS)
    clock.advance(5 * 3600)
    assert amazon.state() == "Open"


def test_a_cancel_sends_the_buyer_home(amazon, sandbox, clock):
    sandbox.switch(sca="approves", buyer_after_s=30)
    amazon.confirm(**URLS)
    assert amazon.cancel().code is None
    clock.advance(30)
    assert amazon.state() == "Canceled"

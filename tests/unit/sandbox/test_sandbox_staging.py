"""Orders as a test wants them, and which of them a write has moved since."""

import pytest
from sandbox_clients import ORDER

from worker.sandbox.fields import BadSetting

OTHER = "S01-7654321-7654321"
DAY = 86400


def test_an_order_is_staged_open_with_and_without_authorizations(amazon, sandbox):
    sandbox.stage(ORDER, state="Open")
    sandbox.stage(OTHER, state="Open", amount="12.50", authorizations=["Open", "Declined"])
    assert amazon.get().text("IdList/member") is None
    assert [member.text for member in amazon.get(OTHER).root.iter("member")] == [
        f"{OTHER}-A000001",
        f"{OTHER}-A000002",
    ]
    for name, state in ((f"{OTHER}-A000001", "Open"), (f"{OTHER}-A000002", "Declined")):
        read = amazon("GetAuthorizationDetails", None, AmazonAuthorizationId=name)
        assert read.text("AuthorizationStatus/State") == state


def test_captures_are_staged_on_an_authorization_of_their_own(sandbox):
    sandbox.stage(ORDER, state="Open", authorizations=["Open"], captures=["Completed", "Declined"])
    order = sandbox.order(ORDER)
    assert order["authorizations"] == [f"{ORDER}-A000001", f"{ORDER}-A000002"]
    assert order["captures"] == ["Completed", "Declined"]


def test_an_order_is_staged_as_old_as_a_test_needs_it(amazon, sandbox, clock):
    sandbox.stage(ORDER, state="Open", age_s=2 * DAY)
    assert sandbox.order(ORDER)["created_at"] == clock() - 2 * DAY
    assert amazon.get().text("CreationTimestamp") == "2023-11-12T22:13:20Z"
    assert amazon.state() == "Open"
    sandbox.stage(ORDER, age_s=180 * DAY)
    assert sandbox.order(ORDER)["state"] == "Closed"
    sandbox.stage(OTHER, age_s=3 * 3600)
    assert sandbox.order(OTHER)["reason_code"] == "Stale"


def test_the_orders_that_a_write_has_moved_are_told_in_their_order(amazon, sandbox):
    for order in (OTHER, ORDER):
        sandbox.stage(order, state="Open")
        amazon.cancel(order)
    amazon.cancel(OTHER)  # accepted, and changes nothing any more
    assert sandbox.changed_by("CancelOrderReference") == [OTHER, ORDER]
    assert sandbox.changed_by("ConfirmOrderReference") == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"authorizations": ["open"]}, "authorizations has 'open'; allowed: Pending, Open"),
        ({"captures": ["Done"]}, "captures has 'Done'; allowed: Pending, Completed"),
        ({"age_s": -1}, "age_s is a number of at least 0, not -1"),
        ({"age_s": True}, "age_s is a number"),
        ({"amount": "12,50"}, "amount is money as in"),
    ],
)
def test_what_an_order_cannot_be_is_told_and_changes_nothing(sandbox, fields, sentence):
    sandbox.stage(ORDER, state="Open")
    before = sandbox.order(ORDER)
    with pytest.raises(BadSetting, match=sentence):
        sandbox.stage(ORDER, state="Closed", **fields)
    assert sandbox.order(ORDER) == before

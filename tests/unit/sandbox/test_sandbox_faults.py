"""Each form of fault, over a real socket."""

import http.client
import json
import threading
import time

import pytest
from sandbox_clients import ORDER, Amazon

from worker.sandbox import faults
from worker.sandbox.fields import BadSetting
from worker.sandbox.server import Sandbox

CONFIRM = {"operation": "ConfirmOrderReference"}
OTHER = "S01-7654321-7654321"


def state(sandbox, order=ORDER):
    """The order's state at the provider, whatever its answers said."""
    found = sandbox.orders(order)
    return found[0]["state"] if found else None


def eventually(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("when", "applied"), [("before", None), ("after", "Open")])
@pytest.mark.parametrize(
    "effect", [{"cut": True}, {"answer": {"status": 500, "code": "InternalServerError"}}]
)
def test_a_write_is_lost_before_or_after_it_is_applied(amazon, sandbox, effect, when, applied):
    sandbox.add_fault(match=CONFIRM, when=when, **effect)
    if "cut" in effect:
        with pytest.raises(http.client.RemoteDisconnected):
            amazon.confirm()
    else:
        answer = amazon.confirm()
        assert (answer.status, answer.code) == (500, "InternalServerError")
    assert state(sandbox) == applied
    entry = sandbox.requests()[-1]
    assert (entry.fault, entry.applied) == (True, applied is not None)
    assert entry.status == (None if "cut" in effect else 500)
    assert amazon.confirm().code is None


@pytest.mark.parametrize(
    ("body", "status", "starts"),
    [
        ("html", 502, b"<html>"),
        ("empty", 503, b""),
        ("plain", 400, b"InvalidOrderReferenceStatus The OrderReference"),
        ("no such thing", 418, b"no such thing"),
    ],
)
def test_an_answer_can_have_any_body(amazon, sandbox, body, status, starts):
    answer = {"status": status, "body": body, "headers": {"X-Gateway": "yes"}}
    if body == "plain":
        answer |= {"code": "InvalidOrderReferenceStatus", "message": "The OrderReference is shut."}
    sandbox.add_fault(match=CONFIRM, answer=answer)
    got = amazon.confirm()
    assert (got.status, got.headers["X-Gateway"]) == (status, "yes")
    assert got.body.startswith(starts)
    assert bool(got.body) == bool(starts)


def test_a_status_alone_is_a_page_of_html(amazon, sandbox):
    sandbox.add_fault(answer={"status": 504})
    answer = amazon.confirm()
    assert answer.status == 504
    assert answer.headers["Content-Type"] == "text/html"


def test_a_truncated_answer_promises_more_than_it_sends(amazon, sandbox):
    sandbox.add_fault(match=CONFIRM, when="after", answer={"body": "truncated"})
    with pytest.raises(http.client.IncompleteRead) as caught:
        amazon.confirm()
    assert caught.value.partial.startswith(b"<ConfirmOrderReferenceResponse")
    assert state(sandbox) == "Open"


@pytest.mark.parametrize(("when", "applied"), [("before", None), ("after", "Open")])
def test_a_delay_holds_the_request_before_or_after_it_is_applied(amazon, sandbox, when, applied):
    sandbox.add_fault(match=CONFIRM, when=when, delay=0.5)
    started = time.monotonic()
    thread = threading.Thread(target=amazon.confirm)
    thread.start()
    eventually(lambda: sandbox.faults()[0]["acted"])
    eventually(lambda: state(sandbox) == applied)
    assert sandbox.requests() == []
    thread.join(5)
    assert time.monotonic() - started >= 0.5
    assert state(sandbox) == "Open"


def test_a_delay_holds_nobody_else_and_ends_with_the_sandbox(accounts, clock):
    with Sandbox(accounts, clock=clock) as sandbox:
        amazon = Amazon(sandbox.url, clock)
        sandbox.add_fault(match=CONFIRM, delay=60, cut=True)

        def stuck():
            with pytest.raises((http.client.HTTPException, OSError)):
                amazon.confirm()

        thread = threading.Thread(target=stuck)
        thread.start()
        eventually(lambda: sandbox.faults()[0]["acted"])
        assert amazon.cancel(OTHER).code is None
        started = time.monotonic()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started < 3


def test_a_clock_that_is_ahead_refuses_the_timestamp_and_shows_in_the_date(amazon, sandbox):
    sandbox.add_fault(match=CONFIRM, clock_skew=3600)
    answer = amazon.confirm()
    assert (answer.status, answer.code) == (400, "InvalidParameterValue")
    assert "expired" in answer.text("Message")
    assert answer.headers["Date"] == "Tue, 14 Nov 2023 23:13:20 GMT"
    assert amazon.confirm().code is None


@pytest.mark.parametrize(("skew", "code"), [(-301, "E003"), (301, "E003"), (300, None)])
def test_seller_center_refuses_the_past_and_the_future(center, sandbox, skew, code):
    sandbox.add_fault(match={"provider": "seller_center"}, clock_skew=skew)
    assert center.cancel().code == code


def test_a_read_can_lag_once(amazon, sandbox, clock):
    amazon.get()
    clock.advance(5)
    amazon.confirm()
    sandbox.add_fault(match={"operation": "Get*"}, read_lag=2)
    assert [amazon.state(), amazon.state()] == ["Draft", "Open"]


def test_a_throttle_although_the_bucket_has_room(amazon, sandbox):
    sandbox.add_fault(answer={"code": "RequestThrottled"})
    answer = amazon.confirm()
    assert (answer.status, answer.code) == (503, "RequestThrottled")
    assert not sandbox.requests()[-1].throttled


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("code", ["E006", "E021", "E429"])
def test_seller_centers_errors_before_and_after_the_cancel(center, sandbox, code, when):
    sandbox.add_fault(match={"order_id": "1093*"}, when=when, answer={"code": code})
    assert center.cancel("10937342").code == code
    assert sandbox.order("10937342")["state"] == ("canceled" if when == "after" else "pending")
    assert center.items().text("OrderItemId") == "10937342"


def test_a_throttle_in_the_other_http_form(center, sandbox):
    sandbox.add_fault(answer={"code": "E429", "status": 429, "headers": {"Retry-After": "3"}})
    answer = center.cancel(Format="JSON")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert json.loads(answer.body)["ErrorResponse"]["Head"]["ErrorCode"] == "429"


def codes(call, times):
    return [call().code for _ in range(times)]


BUSY = {"code": "ServiceUnavailable"}


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({}, [0]),
        ({"times": 2}, [0, 1]),
        ({"times": None}, [0, 1, 2, 3, 4]),
        ({"skip": 2}, [2]),
        ({"skip": 1, "times": 2}, [1, 2]),
        ({"match": {"nth": 4}}, [3]),
        ({"match": {"nth": 4}, "times": None}, [3]),
        ({"probability": 0, "times": None}, []),
    ],
)
def test_how_often_a_rule_acts(amazon, sandbox, rule, hit):
    sandbox.add_fault(rule, answer=BUSY)
    got = codes(amazon.confirm, 5)
    assert [index for index, code in enumerate(got) if code == "ServiceUnavailable"] == hit


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"provider": "amazon_pay"}, True),
        ({"provider": "seller_center"}, False),
        ({"operation": "Confirm*"}, True),
        ({"operation": "CancelOrderReference"}, False),
        ({"order_id": "S01-*"}, True),
        ({"order_id": "P01-*"}, False),
        ({"seller": "SELLER?"}, True),
        ({"seller": "seller1"}, False),
        ({"operation": "Confirm*", "order_id": "S02-*"}, False),
    ],
)
def test_which_requests_a_rule_matches(amazon, sandbox, match, hit):
    sandbox.add_fault(match=match, answer=BUSY)
    assert (amazon.confirm().code == "ServiceUnavailable") == hit


def test_a_share_of_the_requests_is_drawn_from_a_seed(accounts, clock):
    rule = {"probability": 0.5, "times": None, "answer": BUSY}

    def drawn(seed):
        with Sandbox(accounts, clock=clock, faults=[rule], seed=seed) as sandbox:
            return codes(Amazon(sandbox.url, clock).confirm, 30)

    first = drawn(1)
    assert first == drawn(1)
    assert first != drawn(2)
    assert 5 < first.count("ServiceUnavailable") < 25


def test_a_request_that_is_refused_at_the_door_uses_no_rule_up(amazon, sandbox, clock):
    sandbox.add_fault(match=CONFIRM, cut=True)
    assert Amazon(sandbox.url, clock, "wrong").confirm().code == "SignatureDoesNotMatch"
    assert sandbox.faults()[0]["met"] == 0
    with pytest.raises(http.client.RemoteDisconnected):
        amazon.confirm()


def test_the_first_rule_that_acts_is_the_only_one(amazon, sandbox):
    sandbox.add_fault(answer=BUSY)
    sandbox.add_fault(answer={"code": "InternalError"})
    assert codes(amazon.confirm, 3) == ["ServiceUnavailable", "InternalError", None]


TOML = """
[[fault]]
times = 3
answer = { status = 500, code = "InternalError" }
[fault.match]
operation = "ConfirmOrderReference"

[[fault]]
cut = true
"""


def test_rules_come_from_a_file(tmp_path):
    toml, text = tmp_path / "faults.toml", tmp_path / "faults.json"
    toml.write_text(TOML)
    rules = faults.load(toml)
    assert [sorted(rule) for rule in rules] == [["answer", "match", "times"], ["cut"]]
    text.write_text(json.dumps(rules))
    assert faults.load(text) == rules
    text.write_text('{"cut": true}')
    with pytest.raises(BadSetting, match="holds no list of faults"):
        faults.load(text)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("faults.toml", "[[rule]]\ncut = true\n", r"has rule: write its rules as \[\[fault\]\]"),
        ("faults.toml", "[[fault]]\ncut = true\n[seed]\n", "has seed"),
        ("faults.toml", "", "holds no list of faults"),
        ("faults.json", "[]", "holds no list of faults"),
    ],
)
def test_a_file_without_rules_or_with_more_than_rules_is_refused(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BadSetting, match=sentence):
        faults.load(path)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, "does nothing"),
        ("cut", "is an object"),
        ({"cut": "yes"}, "true or false"),
        ({"cut": True, "colour": 1}, "no key 'colour'"),
        ({"cut": True, "match": {"path": "/"}}, "no key 'path'"),
        ({"cut": True, "match": {"seller": 1}}, "seller is text"),
        ({"cut": True, "match": {"nth": 0}}, "nth is a whole number from 1"),
        ({"cut": True, "when": "during"}, '"before" or "after"'),
        ({"cut": True, "times": -1}, "times is a whole number"),
        ({"cut": True, "skip": 1.5}, "skip is a whole number"),
        ({"cut": True, "probability": 2}, "probability is 2"),
        ({"delay": -1}, "delay is -1"),
        ({"delay": "1s"}, "delay is '1s'"),
        ({"clock_skew": True}, "clock_skew is True"),
        ({"answer": {}}, "needs a code, a body, or a status"),
        ({"answer": {"status": 200}}, "needs a code, a body, or a status"),
        ({"answer": {"status": "500"}}, "status is a whole number"),
        ({"answer": {"code": 6}}, "code is text"),
        ({"answer": {"code": "E006", "headers": []}}, "headers are a table"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_a_sentence(rule, sentence):
    with pytest.raises(BadSetting) as caught:
        faults.read(rule)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("when", "refused", "left"),
    [("before", "InvalidOrderReferenceStatus", "Canceled"), ("after", None, "Canceled")],
)
def test_somebody_else_changes_an_order_before_or_after_a_request(
    amazon, sandbox, when, refused, left
):
    sandbox.add_fault(match=CONFIRM, when=when, staged={"state": "Canceled"})
    assert amazon.confirm().code == refused
    assert state(sandbox) == left


def test_somebody_else_may_change_another_order(amazon, sandbox):
    sandbox.add_fault(match=CONFIRM, staged={"order_id": OTHER, "state": "Closed"})
    assert amazon.confirm().code is None
    assert (state(sandbox), state(sandbox, OTHER)) == ("Open", "Closed")


def test_what_is_staged_by_a_fault_is_a_table():
    with pytest.raises(BadSetting, match="A fault's staged is an object, not 'Canceled'"):
        faults.read({"staged": "Canceled"})

"""The control plane over HTTP, the log, and what keeps a secret."""

import io
import json

import pytest
from sandbox_clients import ACCESS_KEY, API_KEY, ORDER, SECRET, SELLER, Amazon, Center, send

from worker.sandbox.server import Sandbox


@pytest.fixture
def control(sandbox):
    def ask(verb, path, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        answer = send(sandbox.url, verb, f"/_sandbox/{path}", text, headers)
        return answer.status, json.loads(answer.body)

    return ask


def test_orders_are_shown_with_their_books(amazon, center, control):
    amazon.confirm()
    amazon.confirm()
    center.cancel()
    status, orders = control("GET", "orders")
    assert status == 200
    assert [order["provider"] for order in orders] == ["amazon_pay", "seller_center"]
    assert orders[0]["order_id"] == ORDER
    assert orders[0]["state"] == "Open"
    assert orders[0]["accepted"] == {"ConfirmOrderReference": 2}
    assert orders[0]["changed"] == {"ConfirmOrderReference": 1}
    assert orders[1]["reason"] == "SHORTAGE"
    assert control("GET", f"orders/{ORDER}")[1] == orders[:1]
    assert control("GET", "orders/P01-0000000-0000000")[1] == []


def test_an_order_is_staged(amazon, control):
    status, orders = control("POST", f"orders/{ORDER}", {"state": "Closed", "reason_code": "x"})
    assert (status, orders[0]["state"], orders[0]["reason_code"]) == (200, "Closed", "x")
    assert amazon.cancel().code == "InvalidOrderReferenceStatus"


@pytest.mark.parametrize(
    ("order", "fields", "sentence"),
    [
        (ORDER, {"state": "open"}, "allowed: Draft, Open"),
        (ORDER, {"colour": "red"}, "no field 'colour'"),
        (ORDER, {"buyer": "approves"}, "waits for no buyer"),
        (ORDER, {"captures": "Completed"}, "list of texts"),
        (ORDER, {"payment_repaired": "yes"}, "true or false"),
        (ORDER, {"reason_code": 1}, "reason_code is text"),
        (ORDER, [], "one JSON object"),
        ("1", {"state": "Open"}, "allowed: pending"),
        ("1", {"parent": "x"}, "parent is a number"),
        ("nonsense", {}, "is no order id"),
    ],
)
def test_what_cannot_be_staged_is_refused_with_a_sentence(control, order, fields, sentence):
    status, answer = control("POST", f"orders/{order}", fields)
    assert status == 400
    assert sentence in answer["error"]


def test_rules_are_put_added_shown_and_removed(amazon, control):
    rule = {"match": {"operation": "Confirm*"}, "answer": {"code": "InternalError"}}
    assert control("PUT", "faults", rule) == (200, [{**rule, "met": 0, "acted": 0}])
    assert len(control("POST", "faults", [{"cut": True}])[1]) == 2
    assert amazon.confirm().code == "InternalError"
    assert control("GET", "faults")[1][0]["acted"] == 1
    assert control("PUT", "faults", [{"oops": 1}])[0] == 400
    assert len(control("GET", "faults")[1]) == 2
    assert control("DELETE", "faults") == (200, [])
    assert amazon.confirm().code is None


def test_switches_are_set_together_or_not_at_all(control):
    assert control("PUT", "switches", {"sca": "on", "read_lag_s": "1.5"})[0] == 200
    status, answer = control("PUT", "switches", {"sca": "off", "restore": "sometimes"})
    assert status == 400
    assert answer["error"] == "Switch restore is 'sometimes'; allowed: continuous, per_tick."
    _, switches = control("GET", "switches")
    assert (switches["sca"], switches["read_lag_s"]) == ("on", 1.5)
    assert control("PUT", "switches", {"colour": 1})[1]["error"].startswith("There is no switch")


def test_a_reset_forgets_all_but_the_switches_of_the_start(accounts, clock):
    with Sandbox(accounts, clock=clock, switches={"confirm_on_open": "ok_no_change"}) as sandbox:
        Amazon(sandbox.url, clock).confirm()
        sandbox.switch(sca="on")
        sandbox.add_fault(cut=True)
        assert send(sandbox.url, "POST", "/_sandbox/reset").status == 200
        assert (sandbox.orders(), sandbox.requests(), sandbox.faults()) == ([], [], [])
        assert Amazon(sandbox.url, clock).confirm().code is None


def test_an_unknown_control_request_and_a_broken_body_are_told(control, sandbox):
    status, answer = control("GET", "everything")
    assert status == 404
    assert "GET /_sandbox/orders" in answer["error"]
    answer = send(sandbox.url, "PUT", "/_sandbox/faults", b"{")
    assert answer.status == 400
    assert b"no JSON" in answer.body


def test_the_log_tells_every_request(amazon, center, control, clock):
    amazon.confirm()
    clock.advance(1)
    amazon.confirm("nonsense")
    center.cancel("abc")
    _, entries = control("GET", "log")
    assert [entry["operation"] for entry in entries] == [
        "ConfirmOrderReference",
        "ConfirmOrderReference",
        "SetStatusToCanceled",
    ]
    assert entries[0] == {
        "time": 1_700_000_000.0,
        "provider": "amazon_pay",
        "seller": SELLER,
        "operation": "ConfirmOrderReference",
        "order_id": ORDER,
        "status": 200,
        "code": None,
        "applied": True,
        "changed": True,
        "throttled": False,
        "level": 999.0,
        "fault": False,
    }
    assert (entries[1]["code"], entries[1]["applied"]) == ("InvalidOrderReferenceId", False)
    assert (entries[2]["code"], entries[2]["order_id"]) == ("E020", "abc")


def test_the_log_is_written_as_json_lines_without_secrets(accounts, clock, tmp_path):
    path, stream = tmp_path / "log.jsonl", io.StringIO()
    for target in (path, stream):
        with Sandbox(accounts, clock=clock, log=target) as sandbox:
            Amazon(sandbox.url, clock).cancel(CancelationReason="for your eyes only")
            Center(sandbox.url, clock, "wrong").cancel()
    assert path.read_text() == stream.getvalue()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["code"] for line in lines] == [None, "E007"]
    for secret in (SECRET, ACCESS_KEY, API_KEY, "for your eyes only", "Signature"):
        assert secret not in path.read_text()
        assert secret not in repr(accounts)

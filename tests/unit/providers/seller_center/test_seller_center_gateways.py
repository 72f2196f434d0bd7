"""Answers that are none: of gateways, cut short, hostile, or anything at all."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seller_center_answers import FORMATS, failure, reply, success

from worker.domain.jobs import Request, Task
from worker.domain.outcomes import Outcome, Standing
from worker.providers.seller_center.lookup import read_item
from worker.providers.seller_center.operations import OPERATIONS
from worker.providers.seller_center.responses import parse
from worker.providers.transport import HttpReply

NOW = 1435749071.0  # 2015-07-01T11:11:11Z
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>"

forms = pytest.mark.parametrize("form", FORMATS)


def parsed(body, status=200, **headers):
    return parse(reply(body, status, **headers), NOW, action="SetStatusToCanceled")


@pytest.mark.parametrize(
    "body",
    [HTML, b"upstream timed out", b"", b" ", b"null", b"[]", b"{}", b'"SuccessResponse"', b"\0"],
)
@pytest.mark.parametrize(
    ("status", "outcome", "outage"),
    [
        (200, Outcome.UNKNOWN, False),
        (204, Outcome.UNKNOWN, False),
        (302, Outcome.UNKNOWN, False),
        (403, Outcome.UNKNOWN, False),
        (429, Outcome.THROTTLED, False),
        (502, Outcome.UNKNOWN, True),
        (503, Outcome.UNKNOWN, True),
    ],
)
def test_what_is_not_an_envelope_is_judged_by_its_http_status(body, status, outcome, outage):
    answer = parsed(body, status)
    assert (answer.outcome, answer.outage) == (outcome, outage)
    assert (answer.status, answer.code) == (status, None)
    assert f"HTTP {status}" in answer.message


@forms
@pytest.mark.parametrize("root", [success, lambda form: failure(form, 20, "E020: x")])
def test_no_prefix_of_an_answer_is_taken_for_an_answer(form, root):
    whole = root(form)
    outcomes = {parsed(whole[:length]).outcome for length in range(len(whole))}
    assert outcomes == {Outcome.UNKNOWN}


@forms
@pytest.mark.parametrize(("status", "outage"), [(200, False), (502, True)])
def test_an_answer_that_was_cut_short_is_not_believed_even_if_it_parses(form, status, outage):
    answer = parse(
        HttpReply(status, {}, success(form), complete=False), NOW, action="SetStatusToCanceled"
    )
    assert (answer.outcome, answer.outage) == (Outcome.UNKNOWN, outage)


@pytest.mark.parametrize(
    "body",
    [
        b'{"SuccessResponse":{},"ErrorResponse":{}}',
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b'{"a":' * 100_000,
        b'{"SuccessResponse":' + b"9" * 5000 + b"}",
        b'<!DOCTYPE a [<!ENTITY x "x">]><SuccessResponse><Head>&x;</Head></SuccessResponse>',
        b'<?xml version="1.0" encoding="klingon"?><SuccessResponse/>',
        b'<?xml version="1.0" encoding="utf-7"?><SuccessResponse/>',
        b"\xff\xfe<\x00",
    ],
    ids=range(8),
)
def test_hostile_bodies_are_unknown(body):
    assert parsed(body).outcome is Outcome.UNKNOWN


roots = st.sampled_from(["SuccessResponse", "ErrorResponse", "html"])
names = st.sampled_from(
    [
        "Head",
        "Body",
        "ErrorCode",
        "ErrorType",
        "ErrorMessage",
        "ErrorDetail",
        "RequestAction",
        "Timestamp",
        "OrderItems",
        "OrderItem",
        "OrderItemId",
        "Status",
        "Reason",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("7")
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner)
)
bodies = st.binary() | st.builds(lambda root, tree: json.dumps({root: tree}).encode(), roots, trees)
statuses = st.integers(100, 599)
headers = st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text())


@given(
    body=bodies,
    status=statuses,
    named=headers,
    action=st.sampled_from(list(OPERATIONS)),
    read=st.none() | st.just(partial(read_item, request=Request(Task.CANCEL, "mall", "7"))),
    complete=st.booleans(),
)
def test_parse_never_raises_and_a_success_is_never_made_up(
    body, status, named, action, read, complete
):
    answer = parse(HttpReply(status, named, body, complete), NOW, action=action, read=read)
    assert answer.status == status
    is_missing = answer.order is not None and answer.order.standing is Standing.MISSING
    if answer.outcome is Outcome.APPLIED and not is_missing:
        assert complete
        assert 200 <= status < 300
        assert b"SuccessResponse" in body


def test_texts_that_no_database_stores_are_replaced():
    body = rb'{"ErrorResponse":{"Head":{"ErrorCode":"20","ErrorMessage":"E020: \ud800 \u0000 x"}}}'
    assert parsed(body).message == "E020: ? ? x"

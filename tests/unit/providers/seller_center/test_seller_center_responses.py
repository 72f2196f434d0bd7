import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seller_center_answers import FORMATS, failure, reply, success, written

from worker.domain.jobs import Request, Task
from worker.domain.outcomes import Outcome, Standing
from worker.providers.seller_center.lookup import read_item
from worker.providers.seller_center.operations import OPERATIONS
from worker.providers.seller_center.responses import LONGEST_MESSAGE, parse
from worker.providers.transport import HttpReply

NOW = 1435749071.0  # 2015-07-01T11:11:11Z
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>"

forms = pytest.mark.parametrize("form", FORMATS)


def parsed(body, status=200, **headers):
    return parse(reply(body, status, **headers), NOW, action="SetStatusToCanceled")


# Success


@forms
def test_a_success_response_to_our_operation_is_applied(form):
    answer = parsed(success(form))
    assert answer.outcome is Outcome.APPLIED
    assert answer.request_id is None


@pytest.mark.parametrize("body", ["", [], {}, None], ids=repr)
def test_the_body_of_a_success_may_be_empty_in_every_spelling(body):
    head = {"RequestAction": "SetStatusToCanceled"}
    written_out = json.dumps({"SuccessResponse": {"Head": head, "Body": body}}).encode()
    assert parsed(written_out).outcome is Outcome.APPLIED


@pytest.mark.parametrize(
    "body",
    [
        b'{"SuccessResponse":{"Head":{"RequestAction":"SetStatusToCanceled"}}}',
        b"<SuccessResponse><Head><RequestAction/></Head></SuccessResponse>",
        b"<SuccessResponse><Head/><Body/></SuccessResponse>",
        b"\xef\xbb\xbf<SuccessResponse><Head></Head></SuccessResponse>",
        b'\r\n {"SuccessResponse":{"Head":[]}}',
    ],
)
def test_a_success_may_lack_its_fields(body):
    assert parsed(body).outcome is Outcome.APPLIED


@forms
def test_the_answer_to_another_operation_says_nothing_of_ours(form):
    answer = parsed(success(form, "GetOrders"))
    assert answer.outcome is Outcome.UNKNOWN
    assert "GetOrders" in answer.message


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(302, Outcome.UNKNOWN), (429, Outcome.THROTTLED), (500, Outcome.UNKNOWN)],
)
def test_a_success_response_that_its_http_status_contradicts_is_not_believed(status, outcome):
    assert parsed(success("xml"), status).outcome is outcome


@forms
def test_the_request_id_is_kept(form):
    head = {"RequestId": "5d2a", "RequestAction": "SetStatusToCanceled"}
    assert parsed(written(form, "SuccessResponse", head)).request_id == "5d2a"


# Errors


@forms
def test_an_error_response_with_http_200_is_no_success(form):
    answer = parsed(failure(form, 20, 'E020: "abc" Invalid Order Item ID'))
    assert answer.outcome is Outcome.REJECTED
    assert (answer.code, answer.message) == ("E020", 'E020: "abc" Invalid Order Item ID')


@forms
def test_an_error_response_with_the_head_of_a_success_and_no_code_is_unknown(form):
    head = {
        "RequestId": "",
        "RequestAction": "SetStatusToCanceled",
        "ResponseType": "",
        "Timestamp": "2015-07-01T11:11:11+0000",
    }
    answer = parsed(written(form, "ErrorResponse", head))
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.code is None


@forms
@pytest.mark.parametrize("code", [None, ""])
def test_where_the_code_is_missing_the_number_of_the_message_decides(form, code):
    answer = parsed(failure(form, code, "E022: Invalid Reason"))
    assert (answer.outcome, answer.code) == (Outcome.REJECTED, "E022")


@forms
def test_the_code_decides_against_the_text(form):
    assert parsed(failure(form, 6, "E022: Invalid Reason")).outcome is Outcome.UNKNOWN


@forms
@pytest.mark.parametrize("message", ["", "Too many E020", "error", "EE020: x", "E: x"])
def test_a_message_that_does_not_begin_with_a_number_decides_nothing(form, message):
    assert parsed(failure(form, None, message)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("code", ["abc", "-7", "7.0", "7 or 8"])
def test_a_code_that_cannot_be_read_decides_nothing(code):
    answer = parsed(failure("xml", code, "E007: Login failed"))
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize("code", [7, "7", " 7 ", "007", "E007"])
def test_the_code_is_read_as_number_or_text(code):
    head = {"ErrorCode": code, "ErrorMessage": "Login failed"}
    assert parsed(json.dumps({"ErrorResponse": {"Head": head}}).encode()).code == "E007"


@forms
@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("Sender", 200, Outcome.REJECTED),
        ("Sender", 500, Outcome.REJECTED),
        ("Platform", 200, Outcome.UNKNOWN),
        (None, 200, Outcome.REJECTED),
        (None, 400, Outcome.REJECTED),
        (None, 503, Outcome.UNKNOWN),
        ("Nobody", 200, Outcome.UNKNOWN),
        ("Sender", 429, Outcome.THROTTLED),
    ],
)
def test_an_unpublished_code_is_judged_by_its_type(form, kind, status, outcome):
    assert parsed(failure(form, 777, "E777: new", kind=kind), status).outcome is outcome


@forms
def test_code_1000_is_final_only_with_a_detail(form):
    detail = {"Field": "Reason", "Message": "Too long", "Value": "", "SellerSku": ""}
    plain = parsed(failure(form, 1000, "Format Error Detected"))
    one = parsed(failure(form, 1000, "Format Error Detected", detail=detail))
    several = parsed(failure(form, 1000, "Format Error Detected", detail=[detail, detail]))
    assert plain.outcome is Outcome.UNKNOWN
    assert one.outcome is several.outcome is Outcome.REJECTED
    assert one.message == "Format Error Detected Reason Too long"


def test_a_long_message_is_shortened_and_put_on_one_line():
    answer = parsed(failure("json", 20, "E020:\n" + "x" * 1000))
    assert answer.message.startswith("E020: x")
    assert len(answer.message) == LONGEST_MESSAGE


# HTTP status, gateways, cut answers


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


# Waits and clocks


@forms
@pytest.mark.parametrize("status", [200, 429])
def test_a_throttle_carries_the_wait_that_the_provider_names(form, status):
    answer = parsed(failure(form, 429, "E429: Too many requests"), status, retry_after="7")
    assert (answer.outcome, answer.retry_after) == (Outcome.THROTTLED, 7.0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": " 30 "}, 30.0),
        ({"retry_after": "Wed, 01 Jul 2015 11:11:21 GMT"}, 10.0),
        (
            {
                "retry_after": "Wed, 01 Jul 2015 12:00:05 GMT",
                "date": "Wed, 01 Jul 2015 12:00:00 GMT",
            },
            5.0,
        ),
        ({"retry_after": "Wed, 01 Jul 2015 11:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(headers, wait):
    assert parsed(HTML, 429, **headers).retry_after == wait


@pytest.mark.parametrize(
    ("date", "head", "offset"),
    [
        ("Wed, 01 Jul 2015 11:21:11 GMT", None, 600.0),
        ("Wed, 01 Jul 2015 11:01:11 GMT", "2015-07-01T09:00:00+0000", -600.0),
        ("rubbish", "2015-07-01T08:12:11-03:00", 60.0),
        ("", "2015-07-01T11:12:11+0000", 60.0),
        ("", "2015-07-01T11:12:11", None),
        ("", "now", None),
        ("", None, None),
    ],
)
def test_an_expired_time_says_how_far_the_clocks_are_apart(date, head, offset):
    fields = {"ErrorCode": "3", "Timestamp": head or ""}
    answer = parsed(written("xml", "ErrorResponse", fields), date=date)
    assert (answer.outcome, answer.clock_offset) == (Outcome.CLOCK_EXPIRED, offset)


# Anything at all

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

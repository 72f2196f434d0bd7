import json

import pytest
from seller_center_answers import FORMATS, failure, reply, success, written

from worker.domain.outcomes import Outcome
from worker.providers.seller_center.responses import LONGEST_MESSAGE, parse

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

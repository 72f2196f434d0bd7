"""The tables of errors and successes, each row in each shape that it can come in."""

import itertools

import pytest
from amazon_answers import DATE, NOW, REQUEST_ID, error, reply, vectors
from hypothesis import example, given
from hypothesis import strategies as st

from worker.domain.outcomes import Outcome
from worker.providers.amazon_pay.codes import CODES, CONSTRAINTS
from worker.providers.amazon_pay.limits import LONGEST_PAUSE, LOOK_AGAIN
from worker.providers.amazon_pay.responses import parse
from worker.providers.transport import HttpReply

ERRORS = vectors("errors.toml")
SUCCESSES = vectors("successes.toml")["answers"]
KEYS = {
    "codes": {"code", "statuses", "outcome", "scope"},
    "unlisted": {"code", "statuses", "outcome"},
    "shapes": {"name", "code", "listed_only", "request_id", "complete", "body"},
}
MESSAGE = "The provider&apos;s words"

CASES = [
    pytest.param(row, status, shape, id=f"{row['code']} {status} {shape['name']}")
    for row in ERRORS["codes"] + ERRORS["unlisted"]
    for status in row["statuses"]
    for shape in ERRORS["shapes"]
]


def confirm(answer: HttpReply, now: float = NOW):
    return parse(answer, now, action="ConfirmOrderReference")


@pytest.mark.parametrize(("row", "status", "shape"), CASES)
def test_each_error_in_each_shape(row, status, shape):
    body = shape["body"].format(code=row["code"], message=MESSAGE, request_id=REQUEST_ID)
    readable = shape["code"] and not (shape.get("listed_only") and row["code"] not in CODES)
    answer = confirm(reply(status, body, shape.get("complete", True), x_mws_request_id="header"))
    assert answer.status == status
    assert answer.answered
    assert answer.outcome == (row["outcome"] if readable else "unknown")
    assert answer.code == (row["code"] if readable else None)
    assert answer.outage == (status >= 500 and not readable)
    assert answer.request_id == (REQUEST_ID if shape.get("request_id") else "header")
    assert answer.message
    if readable:
        assert answer.scope == row.get("scope", "operation")
        assert bool(answer.advice) == (row["outcome"] in {"rejected", "denied"})


def test_the_table_and_its_vectors_name_the_same_codes():
    assert {row["code"] for row in ERRORS["codes"]} == set(CODES)
    assert set(ERRORS["constraints"]) == set(CONSTRAINTS)


def test_every_row_of_the_vectors_is_understood_and_used():
    assert set(ERRORS) == {*KEYS, "constraints"}
    for kind, keys in KEYS.items():
        assert all(row.keys() <= keys for row in ERRORS[kind])
    used = {(case.values[0]["code"], case.values[1], case.values[2]["name"]) for case in CASES}
    rows = [
        (row["code"], status)
        for row in ERRORS["codes"] + ERRORS["unlisted"]
        for status in row["statuses"]
    ]
    names = [shape["name"] for shape in ERRORS["shapes"]]
    assert used == {(*row, name) for row, name in itertools.product(rows, names)}
    assert len(CASES) == len(used), "a row stands there twice"
    assert {row["outcome"] for row in ERRORS["codes"]} == set(Outcome) - {Outcome.APPLIED}


@pytest.mark.parametrize("row", SUCCESSES, ids=lambda row: row["name"])
def test_a_200_is_applied_only_with_the_expected_document(row):
    answer = parse(
        reply(200, row["body"], row.get("complete", True)),
        NOW,
        action=row["action"],
        read=(lambda _: None) if row["action"].startswith("Get") else None,
    )
    assert answer.outcome == row["outcome"]
    assert answer.request_id == row.get("request_id")
    assert not answer.outage


@pytest.mark.parametrize("status", [100, 201, 202, 204, 301, 302, 307, 399])
def test_another_status_below_400_is_unknown_whatever_its_body(status):
    for body in ("<ConfirmOrderReferenceResponse/>", error(400, "InvalidAddress").body, ""):
        answer = confirm(reply(status, body))
        assert answer.outcome is Outcome.UNKNOWN
        assert not answer.outage


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_5xx_without_a_code_may_be_an_outage(status):
    answer = confirm(reply(status, "<html>Bad gateway</html>", retry_after="7"))
    assert (answer.outcome, answer.outage, answer.retry_after) == (Outcome.UNKNOWN, True, 7.0)


# --- constraints -----------------------------------------------------------------------------


@pytest.mark.parametrize(("constraint", "word"), ERRORS["constraints"].items())
def test_each_constraint_says_what_to_do(constraint, word):
    message = f"OrderReference S01-1234567-1234567 has constraints: {constraint}."
    assert word in confirm(error(400, "ConstraintsExist", message)).advice


def test_several_constraints_give_each_advice_once():
    message = "[PaymentMethodDeleted, AmountNotSet, PaymentMethodNotAllowed, AmountNotSet, NewOne]"
    advice = confirm(error(404, "ConstraintsExist", message)).advice
    assert advice.count("payment method") == 1
    assert advice.count("order total") == 1


def test_constraints_without_a_known_id_point_to_the_message():
    assert "message" in confirm(error(400, "ConstraintsExist", "Something new")).advice


# --- the clock -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "ours_is_off", "outcome"),
    [
        ("Value X for parameter CancelationReason is too long", 0, Outcome.REJECTED),
        ("Value X for parameter CancelationReason is too long", 299, Outcome.REJECTED),
        ("Value X for parameter CancelationReason is too long", -301, Outcome.CLOCK_EXPIRED),
        ("Value X for parameter CancelationReason is too long", 301, Outcome.CLOCK_EXPIRED),
        ("Value expired for parameter CancelationReason is too long", 0, Outcome.REJECTED),
        ("Request has expired.", 0, Outcome.CLOCK_EXPIRED),
        ("Invalid value for Timestamp", 0, Outcome.CLOCK_EXPIRED),
    ],
)
def test_an_invalid_value_is_the_clock_by_the_date_or_by_the_message(message, ours_is_off, outcome):
    reply_ = error(400, "InvalidParameterValue", message, date=DATE)
    answer = confirm(reply_, NOW + ours_is_off)
    assert answer.outcome is outcome
    expected = -float(ours_is_off) if outcome is Outcome.CLOCK_EXPIRED else None
    assert answer.clock_offset == expected


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 May 2023 07:08:09 GMT"])
def test_an_unreadable_date_leaves_the_offset_open(date):
    answer = confirm(error(400, "RequestExpired", "Request has expired", date=date))
    assert (answer.outcome, answer.clock_offset) == (Outcome.CLOCK_EXPIRED, None)


# --- how long to wait ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "2"}, 2.0),
        ({"retry_after": "Sat, 06 May 2023 07:08:39 GMT"}, 30.0),
        ({"x_mws_quota_resetson": "2023-05-06T07:18:09.000Z"}, 600.0),
        ({"x_mws_quota_resetson": "Sat, 06 May 2023 07:18:09 GMT"}, 600.0),
        ({"x_mws_quota_resetson": "Sat, 06 May 2023 06:00:00 GMT"}, 0.0),
        ({"retry_after": "2", "x_mws_quota_resetson": "2023-05-06T07:18:09.000Z"}, 2.0),
        ({"retry_after": "99999999"}, LONGEST_PAUSE),
        ({"x_mws_quota_resetson": "2093-05-06T07:18:09Z"}, LONGEST_PAUSE),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "²"}, None),
    ],
)
@pytest.mark.parametrize("code", ["RequestThrottled", "QuotaExceeded"])
def test_the_pause_that_a_throttle_asks_for(code, headers, seconds):
    answer = confirm(error(503, code, **headers))
    hourly = code == "QuotaExceeded"
    if hourly and seconds is None:
        seconds = LOOK_AGAIN  # by the hour: the next token of the bucket would come too early
    assert (answer.outcome, answer.retry_after) == (Outcome.THROTTLED, seconds)
    assert answer.other_quota is hourly


@pytest.mark.parametrize(
    ("stated", "rate"), [("0.5", 0.5), ("", None), ("0", None), ("fast", None), ("nan", None)]
)
def test_the_rate_that_an_answer_states_is_the_buckets(stated, rate):
    headers = {"x_amzn_ratelimit_limit": stated, "x_mws_quota_max": "36000.0"}
    assert confirm(error(503, "RequestThrottled", **headers)).stated_rate == rate
    assert confirm(reply(200, "<ConfirmOrderReferenceResponse/>", **headers)).stated_rate == rate


def test_the_pause_is_counted_on_the_providers_clock():
    headers = {"date": DATE, "x_mws_quota_resetson": "2023-05-06T07:08:19Z"}
    assert confirm(error(503, "QuotaExceeded", **headers), NOW - 500).retry_after == 10.0


def test_the_hourly_reset_does_not_concern_a_throttle_that_leaves_quota():
    headers = {"x_mws_quota_resetson": "2023-05-06T07:18:09Z", "x_mws_quota_remaining": "12.0"}
    assert confirm(error(503, "RequestThrottled", **headers)).retry_after is None
    assert confirm(error(503, "QuotaExceeded", **headers)).retry_after == 600.0


# --- anything at all -------------------------------------------------------------------------


@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=300)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(str.encode)
    | st.lists(
        st.sampled_from(
            [
                *(b"<ErrorResponse>", b"<Error>", b"<Code>", b"RequestThrottled", b"</Code>"),
                *(
                    b"</Error>",
                    b"</ErrorResponse>",
                    b"<ConfirmOrderReferenceResponse>",
                    b"\0",
                    b"&a;",
                ),
                *(b"<?xml version='1.0' encoding='utf-7'?>", b"<!DOCTYPE a>", b"<GetX xmlns='{}'>"),
            ]
        ),
        max_size=12,
    ).map(b"".join),
    headers=st.dictionaries(
        st.sampled_from(["date", "retry-after", "x-mws-quota-resetson", "x-mws-quota-remaining"]),
        st.text(max_size=40) | st.sampled_from(["0001-01-01", "9999-12-31T23:59:59Z", DATE, "nan"]),
    ),
    complete=st.booleans(),
)
@example(503, b"<a>" * 100_000, {"date": "0001-01-01T00:00:00+23:59"}, True)
@example(400, b"<a>" * 50_000 + b"</a>" * 50_000, {}, True)
@example(200, b"<?xml version='1.0' encoding='klingon'?><a/>", {}, True)
@example(400, b"<?xml version='1.0' encoding='utf-7'?><a/>", {}, True)
def test_parse_never_raises(status, body, headers, complete):
    answer = confirm(HttpReply(status, headers, body, complete))
    assert answer.status == status
    assert answer.outcome is not Outcome.APPLIED or (status == 200 and complete)

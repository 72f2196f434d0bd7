import pytest
from seller_center_answers import FORMATS, failure, reply, written

from worker.domain.outcomes import Outcome
from worker.providers.seller_center.responses import parse

NOW = 1435749071.0  # 2015-07-01T11:11:11Z
HTML = b"<html><body><h1>429 Too Many Requests</h1></body></html>"

forms = pytest.mark.parametrize("form", FORMATS)


def parsed(body, status=200, **headers):
    return parse(reply(body, status, **headers), NOW, action="SetStatusToCanceled")


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

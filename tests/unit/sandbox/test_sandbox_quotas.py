"""The buckets, exactly, on a clock that a test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_clients import (
    ACCESS_KEY,
    API_KEY,
    ORDER,
    PRODUCTION,
    SECRET,
    SELLER,
    USER,
    Amazon,
    Center,
)

from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.fields import BadSetting
from worker.sandbox.quotas import Quotas
from worker.sandbox.server import Sandbox

LIVE = "P01-1234567-1234567"


@pytest.fixture
def accounts():
    return [AmazonPayAccount(SELLER, ACCESS_KEY, SECRET), SellerCenterAccount(USER, API_KEY)]


@pytest.fixture
def live(sandbox, clock):
    return Amazon(sandbox.url, clock, path=PRODUCTION)


def granted(request, times):
    """How many of so many requests in a row were not throttled."""
    return sum(request().code not in {"RequestThrottled", "E429"} for _ in range(times))


def test_production_takes_a_burst_of_ten_and_then_one_a_second(live, clock):
    assert granted(lambda: live.confirm(LIVE), 12) == 10
    clock.advance(0.999)
    assert granted(lambda: live.confirm(LIVE), 1) == 0
    clock.advance(0.001)
    assert granted(lambda: live.confirm(LIVE), 2) == 1
    clock.advance(3600)
    assert granted(lambda: live.confirm(LIVE), 12) == 10


def test_the_sandbox_takes_a_burst_of_two_and_then_one_in_two_seconds(amazon, clock):
    assert granted(amazon.confirm, 3) == 2
    clock.advance(1.9)
    assert granted(amazon.confirm, 1) == 0
    clock.advance(0.1)
    assert granted(amazon.confirm, 2) == 1


def test_reads_and_each_write_have_buckets_of_their_own(amazon, live):
    assert granted(amazon.confirm, 5) == 2
    assert granted(amazon.cancel, 5) == 2
    assert granted(amazon.get, 7) == 5
    assert granted(lambda: live.get(LIVE), 22) == 20
    assert granted(lambda: amazon("GetServiceStatus", None), 4) == 2


TOTAL = "OrderReferenceAttributes__OrderTotal"
OF_A_CAPTURE = {"AmazonAuthorizationId": f"{ORDER}-A000001", "CaptureReferenceId": "c-1"}


def money(name):
    return {f"{name}__Amount": "1.00", f"{name}__CurrencyCode": "EUR"}


@pytest.mark.parametrize(
    ("operation", "more", "burst"),
    [
        ("SetOrderReferenceDetails", money(TOTAL), (2, 10)),
        ("CloseOrderReference", {}, (2, 10)),
        ("Authorize", money("AuthorizationAmount") | {"AuthorizationReferenceId": "a"}, (2, 10)),
        ("Capture", money("CaptureAmount") | OF_A_CAPTURE, (2, 10)),
        ("GetAuthorizationDetails", {"AmazonAuthorizationId": f"{ORDER}-A000001"}, (5, 20)),
        ("GetCaptureDetails", {"AmazonCaptureId": f"{ORDER}-C000001"}, (5, 20)),
    ],
)
def test_the_operations_around_a_payment_have_the_documented_bursts(
    amazon, live, operation, more, burst
):
    assert granted(lambda: amazon(operation, **more), burst[0] + 2) == burst[0]
    assert granted(lambda: live(operation, LIVE, **more), burst[1] + 2) == burst[1]


def test_seller_center_takes_ten_and_then_one_a_second(center, clock):
    assert granted(center.cancel, 12) == 10
    clock.advance(1)
    assert granted(center.cancel, 2) == 1
    assert granted(center.items, 12) == 10


def test_seller_center_without_a_quota(center, sandbox):
    sandbox.switch(quota="none")
    assert granted(center.cancel, 30) == 30


@pytest.mark.parametrize(("kept", "left"), [("operation", 10), ("user", 5)])
def test_of_whom_seller_centers_quota_is_is_a_switch(center, sandbox, kept, left):
    sandbox.switch(quota_of=kept)
    assert granted(center.items, 5) == 5
    assert granted(center.cancel, 11) == left


def test_a_throttled_answer_is_the_documented_one(amazon, center, sandbox):
    granted(amazon.confirm, 2)
    answer = amazon.confirm()
    assert (answer.status, answer.code) == (503, "RequestThrottled")
    assert answer.text("Type") == "Server"
    granted(center.cancel, 10)
    assert (center.cancel().status, center.cancel().code) == (200, "E429")
    sandbox.switch(throttle_http_status=429, retry_after=7)
    answer = center.cancel()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


def test_a_throttled_request_is_not_applied_and_uses_no_quota(amazon, sandbox, clock):
    granted(amazon.get, 4)
    granted(amazon.confirm, 2)
    assert granted(amazon.cancel, 2) == 2
    clock.advance(1)
    assert granted(amazon.confirm, 50) == 0
    clock.advance(1)
    assert granted(amazon.confirm, 1) == 1
    assert sandbox.order(ORDER)["accepted"]["ConfirmOrderReference"] == 2
    throttled = [entry for entry in sandbox.requests() if entry.throttled]
    assert len(throttled) == 50
    assert {entry.level for entry in throttled} == {0.5}


def test_a_throttled_request_can_use_quota(amazon, sandbox, clock):
    sandbox.switch(throttled_uses_quota="yes")
    granted(amazon.confirm, 2)
    for _ in range(5):
        clock.advance(1)
        assert granted(amazon.confirm, 1) == 0
    clock.advance(2)
    assert granted(amazon.confirm, 1) == 1


def test_tokens_can_come_back_by_ticks(amazon, sandbox, clock):
    sandbox.switch(restore="per_tick")
    assert granted(amazon.confirm, 2) == 2
    clock.advance(1.5)
    assert granted(amazon.confirm, 1) == 0
    assert sandbox.requests()[-1].level == 0.0
    clock.advance(0.5)
    assert granted(amazon.confirm, 2) == 1


def test_quota_headers_come_only_on_demand(amazon, sandbox):
    assert "x-mws-quota-max" not in amazon.confirm().headers
    sandbox.switch(quota_headers="iso")
    headers = amazon.confirm().headers
    assert headers["x-mws-quota-max"] == "2.0"
    assert headers["x-mws-quota-remaining"] == "0.0"
    assert headers["x-mws-quota-resetsOn"] == "2023-11-14T22:13:24.000Z"
    sandbox.switch(quota_headers="http_date")
    assert amazon.confirm().headers["x-mws-quota-resetsOn"] == "Tue, 14 Nov 2023 22:13:24 GMT"


@pytest.mark.parametrize("kept", ["full", "without_key", "without_environment"])
def test_what_shares_a_bucket_is_a_switch(clock, kept):
    accounts = [
        AmazonPayAccount(SELLER, key, SECRET, quotas={"ConfirmOrderReference": (2, 1)})
        for key in (ACCESS_KEY, "AKIAOTHER")
    ]
    with Sandbox(accounts, clock=clock, switches={"bucket_key": kept}) as sandbox:
        amazon = Amazon(sandbox.url, clock)
        live = Amazon(sandbox.url, clock, path=PRODUCTION)
        assert granted(amazon.confirm, 3) == 2
        other_key = granted(lambda: amazon.confirm(AWSAccessKeyId="AKIAOTHER"), 1)
        other_environment = granted(lambda: live.confirm(LIVE), 1)
    assert other_key == (kept != "without_key")
    assert other_environment == (kept != "without_environment")


def test_an_account_can_have_numbers_of_its_own(clock):
    accounts = [
        AmazonPayAccount(SELLER, ACCESS_KEY, SECRET, quotas={"ConfirmOrderReference": (5, 20.0)}),
        SellerCenterAccount(USER, API_KEY, quotas={"SetStatusToCanceled": (3, 100)}),
    ]
    with Sandbox(accounts, clock=clock) as sandbox:
        amazon, center = Amazon(sandbox.url, clock), Center(sandbox.url, clock)
        assert granted(amazon.confirm, 6) == 5
        clock.advance(0.05)
        assert granted(amazon.confirm, 2) == 1
        assert granted(center.cancel, 5) == 3
        assert granted(amazon.cancel, 3) == 2


@pytest.mark.parametrize("quota", [(0.5, 1), (10, 0), (float("inf"), 1), (1,), "10", (1, "x")])
def test_a_quota_that_cannot_be_is_refused_with_a_sentence(quota):
    with pytest.raises(BadSetting, match=r"The quota of ConfirmOrderReference is .*at least 1"):
        Sandbox([AmazonPayAccount("S", "K", "s", quotas={"ConfirmOrderReference": quota})])


def test_a_caller_at_exactly_the_rate_is_never_refused():
    quotas, start = Quotas(), 1_700_000_000.1
    for number in range(10_000):
        take = quotas.take(("k",), (1, 3.0), start + number / 3.0 + number * 1e-6)
        assert take.granted, number


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
    st.integers(1, 5),
    st.sampled_from([0.5, 1.0, 2.0, 20.0]),
)
def test_no_window_ever_holds_more_than_the_burst_and_what_came_back(gaps, capacity, rate):
    quotas, now, times = Quotas(), 1_700_000_000.0, []
    for gap in gaps:
        now += gap
        if quotas.take(("k",), (capacity, rate), now).granted:
            times.append(now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = capacity + rate * (times[last] - times[first]) + 1e-4
            assert last - first + 1 <= allowed

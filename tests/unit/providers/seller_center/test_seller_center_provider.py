"""What a seller says of itself: its operations, buckets and secrets, and what a probe found."""

import pytest
from seller_center_answers import FORMATS, failure, success
from seller_center_seller import KEY, job, seller

from worker.domain.jobs import Step, Task
from worker.domain.outcomes import Outcome
from worker.providers.base import Provider

NOWHERE = "https://mall.example"

forms = pytest.mark.parametrize("form", FORMATS)


def test_the_steps_of_a_cancel_call_their_operations():
    provider: Provider = seller(NOWHERE)
    assert provider.operation(Task.CANCEL, Step.APPLY) == "SetStatusToCanceled"
    assert provider.operation(Task.CANCEL, Step.DOUBT) == "GetOrderItems"
    assert provider.operation(Task.CANCEL, Step.REFUSAL) == "GetOrderItems"


def test_a_confirm_that_came_in_all_the_same_has_a_bucket_to_wait_in():
    assert seller(NOWHERE).operation(Task.CONFIRM, Step.APPLY) == "SetStatusToCanceled"


def test_an_item_can_be_looked_up_through_its_parent_order():
    assert seller(NOWHERE).can_look_up(job().request)
    assert not seller(NOWHERE).can_look_up(job(parent_order_id=None).request)


def test_no_item_is_too_old_to_be_cancelled():
    assert seller(NOWHERE).lifetime(Task.CANCEL) is None


def test_a_bucket_counts_one_operation_of_one_user_at_one_endpoint():
    buckets = seller(NOWHERE).buckets()
    assert set(buckets) == {"SetStatusToCanceled", "GetOrderItems", "GetFailureReasons"}
    bucket = buckets["GetOrderItems"]
    expected = "https://mall.example:443/|look@me.com|GetOrderItems"
    assert bucket.key == expected
    assert (bucket.capacity, bucket.rate, bucket.source) == (10, 1.0, "assumed")
    assert (bucket.seller, bucket.operation) == ("mall", "GetOrderItems")


def test_no_trace_of_the_key_is_in_the_name_of_a_bucket():
    """The key is a secret, and a new one does not give a new quota."""
    other = seller(NOWHERE, api_key="another-fake").buckets()["GetOrderItems"]
    assert other == seller(NOWHERE).buckets()["GetOrderItems"]


def test_another_endpoint_or_user_is_another_bucket():
    keys = {
        seller(endpoint, **options).buckets()["GetOrderItems"].key
        for endpoint, options in [
            (NOWHERE, {}),
            (f"{NOWHERE}/path", {}),
            (f"{NOWHERE}:8443", {}),
            (NOWHERE, {"user_id": "other@me.com"}),
        ]
    }
    assert len(keys) == 4


def test_a_bucket_can_be_configured_and_knows_its_margin():
    quotas = {"GetOrderItems": {"capacity": 50, "restore_rate": 20}}
    bucket = seller(NOWHERE, quotas=quotas, margin=0.5).buckets()["GetOrderItems"]
    assert (bucket.capacity, bucket.rate, bucket.margin) == (50, 20, 0.5)
    assert bucket.source == "configured"


def test_half_a_configured_quota_is_filled_from_the_operation():
    bucket = seller(NOWHERE, quotas={"GetOrderItems": {"capacity": 4}}).buckets()["GetOrderItems"]
    assert (bucket.capacity, bucket.rate) == (4, 1.0)


def test_the_key_and_a_proxys_password_are_secrets():
    assert seller(NOWHERE).secrets() == (KEY,)
    proxied = seller(NOWHERE, proxy="http://me:fake-password@127.0.0.1:3128")
    assert proxied.secrets() == (KEY, "fake-password")


def reasons(form, *named):
    held = [{"Type": kind, "Name": name} for kind, name in named]
    body = {"Reasons": {"Reason": held[0] if len(held) == 1 else held}}
    return success(form, "GetFailureReasons", body)


@forms
def test_a_probe_lists_the_reasons_of_cancellations(mall, form):
    mall.will_answer(
        reasons(form, ("canceled", "SHORTAGE"), ("failed", "Nobody home"), ("canceled", "Fraud"))
    )
    answer, lines = seller(mall.endpoint).probe()
    assert answer.outcome is Outcome.APPLIED
    assert lines[1:] == ["Reasons for cancellations:", "  SHORTAGE", "  Fraud"]


@forms
def test_a_probe_says_that_the_configured_reason_is_unknown(mall, form):
    mall.will_answer(reasons(form, ("canceled", "Wrong address")))
    _, lines = seller(mall.endpoint).probe()
    assert lines[-1] == "'SHORTAGE' is not among them: set the seller's reason to one that is."


def test_a_probe_of_a_venture_without_reasons_says_so(mall):
    mall.will_answer(success("json", "GetFailureReasons"))
    _, lines = seller(mall.endpoint).probe()
    assert lines[1:] == ["The venture lists no reasons for cancellations."]


def test_a_probe_with_a_wrong_key_is_denied(mall):
    mall.will_answer(failure("xml", 7, "E007: Login failed"))
    answer, lines = seller(mall.endpoint).probe()
    assert (answer.outcome, answer.scope) == (Outcome.DENIED, "seller")
    assert lines == [
        f"GetFailureReasons at {mall.endpoint}/",
        "denied: E007: Login failed",
        answer.advice,
    ]

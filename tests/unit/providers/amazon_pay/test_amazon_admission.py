"""The door: what is refused, with the field and what to change."""

import pytest

from worker.domain.jobs import Request, Task
from worker.errors import BadInput
from worker.providers.amazon_pay.admission import check
from worker.providers.amazon_pay.configuration import configured

URLS = {"success_url": "https://shop.example/ok", "failure_url": "https://shop.example/no"}


def admit(task: Task, order_id: str = "P01-1234567-1234567", **values: str) -> None:
    own = {name: values.pop(name) for name in ("region", "environment") if name in values}
    configured_urls = {
        name[4:]: values.pop(name) for name in list(values) if name.startswith("own_")
    }
    configuration = configured(
        {
            "region": "na",
            "environment": "production",
            "seller_id": "A1",
            "access_key": "not-a-key",
            "secret_key": "not-a-secret",
            **own,
            **configured_urls,
        }
    )
    check(Request(task, "acme", order_id, **values), configuration)


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize(
    ("environment", "order_id"),
    [("production", "P01-1234567-1234567"), ("sandbox", "S01-1234567-1234567")],
)
def test_an_order_of_the_sellers_environment_is_admitted(task, environment, order_id):
    admit(task, order_id, environment=environment)


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize(
    ("order_id", "rule"),
    [
        ("", "is empty"),
        (" P01-1234567-1234567", "blanks"),
        ("P01-1234567-1234567\n", "blanks"),
        ("P01-1234567-123456é", "characters no order id has"),
        ("P01-1234567-123456٣", "characters no order id has"),
        ("P01/1234567", "characters no order id has"),
        ("P" + "1" * 64, "longer than 64"),
        ("S01-1234567-1234567", "production environment, whose ids begin with P"),
        ("p01-1234567-1234567", "begin with P"),
        ("B01-1234567-1234567", "begin with P"),
    ],
)
def test_an_odd_order_id_is_refused_with_the_documented_form(task, order_id, rule):
    with pytest.raises(BadInput) as caught:
        admit(task, order_id)
    assert caught.value.field == "order_id"
    assert rule in caught.value.message
    assert "P01-1234567-1234567" in caught.value.message


def test_a_live_order_is_refused_in_the_sandbox():
    with pytest.raises(BadInput, match="sandbox environment, whose ids begin with S"):
        admit(Task.CANCEL, environment="sandbox")


@pytest.mark.parametrize("reason", ["", "x" * 1024, "é" * 1024, "two\r\nlines\t", "😀", None])
def test_a_reason_of_up_to_1024_characters_is_admitted(reason):
    admit(Task.CANCEL, reason=reason)


@pytest.mark.parametrize(
    ("task", "reason", "rule"),
    [
        (Task.CANCEL, "x" * 1025, "1025 characters: at most 1024"),
        (Task.CANCEL, "a\0b", "control characters"),
        (Task.CANCEL, "a\ud800b", "broken text"),
        (Task.CONFIRM, "why", "a confirm takes none"),
    ],
)
def test_a_reason_that_could_not_be_kept_is_refused(task, reason, rule):
    with pytest.raises(BadInput, match=rule) as caught:
        admit(task, reason=reason)
    assert caught.value.field == "reason"


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("field", ["reason_detail", "parent_order_id"])
def test_what_does_not_exist_here_is_refused(task, field):
    with pytest.raises(BadInput, match="does not exist at Amazon Pay") as caught:
        admit(task, **{field: "x"})
    assert caught.value.field == field


@pytest.mark.parametrize("field", URLS)
def test_addresses_are_for_a_confirm_only(field):
    admit(Task.CONFIRM, **URLS)
    with pytest.raises(BadInput, match="for a confirm only") as caught:
        admit(Task.CANCEL, **{field: URLS[field]})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "url", ["", "shop", "javascript:alert(1)", "https://", "https://a b", "//x"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(BadInput, match="is not valid") as caught:
        admit(Task.CONFIRM, **{**URLS, "failure_url": url})
    assert caught.value.field == "failure_url"


@pytest.mark.parametrize("missing", URLS)
@pytest.mark.parametrize("region", ["eu", "uk", "de"])
def test_the_eu_needs_both_addresses_from_the_request_or_the_configuration(region, missing):
    given = {name: url for name, url in URLS.items() if name != missing}
    with pytest.raises(
        BadInput, match=r"with the request, or set .* in the configuration"
    ) as caught:
        admit(Task.CONFIRM, region=region, **given)
    assert caught.value.field == missing
    admit(Task.CONFIRM, region=region, **URLS)
    admit(Task.CONFIRM, region=region, **given, **{f"own_{missing}": URLS[missing]})
    admit(Task.CANCEL, region=region)

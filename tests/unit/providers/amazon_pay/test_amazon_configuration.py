"""What a seller's configuration may hold, and how it is refused."""

import hashlib

import pytest

from worker.errors import BadInput
from worker.providers.amazon_pay.configuration import configured
from worker.providers.amazon_pay.provider import AmazonPay

SECRETS = {"access_key": "AKIA-not-real", "secret_key": "not/a+secret", "mws_auth_token": "tok-en"}
ACME = {
    "provider": "amazon_pay",
    "region": "na",
    "environment": "production",
    "seller_id": "A1B2C3",
    **SECRETS,
}


def options(**changes: object) -> dict[str, object]:
    return {name: value for name, value in {**ACME, **changes}.items() if value is not ...}


def seller(**changes: object) -> AmazonPay:
    return AmazonPay.from_configuration(
        "acme", options(**changes), call_timeout=5, user_agent="test", clock=lambda: 0.0
    )


@pytest.mark.parametrize(
    ("region", "host", "sca"),
    [
        ("na", "mws.amazonservices.com", False),
        ("us", "mws.amazonservices.com", False),
        ("eu", "mws-eu.amazonservices.com", True),
        ("uk", "mws-eu.amazonservices.com", True),
        ("de", "mws-eu.amazonservices.com", True),
        ("jp", "mws.amazonservices.jp", False),
    ],
)
@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ("production", "/OffAmazonPayments/2013-01-01"),
        ("sandbox", "/OffAmazonPayments_Sandbox/2013-01-01"),
    ],
)
def test_region_and_environment_say_where_requests_go(region, host, sca, environment, path):
    configuration = configured(options(region=region, environment=environment))
    assert configuration.called.url == f"https://{host}{path}"
    assert configuration.sca is sca


@pytest.mark.parametrize(
    ("endpoint", "url", "account"),
    [
        (
            "http://127.0.0.1:8400",
            "http://127.0.0.1:8400/OffAmazonPayments/2013-01-01",
            "http://127.0.0.1:8400/OffAmazonPayments/2013-01-01",
        ),
        (
            "http://localhost/",
            "http://localhost/OffAmazonPayments/2013-01-01",
            "http://localhost:80/OffAmazonPayments/2013-01-01",
        ),
        ("http://[::1]:8400/x", "http://[::1]:8400/x", "http://[::1]:8400/x"),
        (
            "https://MWS.Example.com/a/",
            "https://mws.example.com/a/",
            "https://mws.example.com:443/a/",
        ),
        ("https://example.com:443/a", "https://example.com/a", "https://example.com:443/a"),
    ],
)
def test_an_endpoint_takes_the_place_of_the_regions_own(endpoint, url, account):
    called = configured(options(endpoint=endpoint)).called
    assert (called.url, called.account) == (url, account)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"region": ...}, "region", ["missing"]),
        ({"region": "moon"}, "region", ["'moon'", "'na'", "'eu'", "'jp'"]),
        ({"region": ["na"]}, "region", ["'na'"]),
        ({"environment": "live"}, "environment", ["'live'", "'production'", "'sandbox'"]),
        ({"seller_id": ""}, "seller_id", ["''", "at least 1"]),
        ({"seller_id": "\udc80"}, "seller_id", ["unicode"]),
        ({"secret_key": ""}, "secret_key", ["at least 1"]),
        ({"secret_key": ...}, "secret_key", ["missing"]),
        ({"secret_key": ["hidden"]}, "secret_key", ["string"]),
        ({"mws_auth_token": ["hidden"]}, "mws_auth_token", ["string"]),
        ({"proxy": ["hidden"]}, "proxy", ["string"]),
        ({"access_key": 7}, "access_key", ["string"]),
        ({"access_key": "hidden\udc80"}, "access_key", ["UTF-8"]),
        ({"colour": "hidden"}, "colour", ["no key", "seller_id"]),
        ({"success_url": "shop/ok"}, "success_url", ["'shop/ok'", "https://"]),
        ({"failure_url": "ftp://shop/no"}, "failure_url", ["https://"]),
        ({"proxy": "user:hidden@proxy"}, "proxy", ["http://host:port"]),
        ({"ca_bundle": "/nowhere/ca.pem"}, "ca_bundle", ["'/nowhere/ca.pem'", "no readable file"]),
        ({"ca_bundle": __file__}, "ca_bundle", ["no readable file of certificates"]),
        ({"endpoint": "http://mws.amazonservices.com"}, "endpoint", ["loopback"]),
        ({"endpoint": "http://localhost.evil.com"}, "endpoint", ["loopback"]),
        ({"endpoint": "https://h/p?x=1"}, "endpoint", ["scheme, host"]),
        ({"endpoint": "https://user@h/p"}, "endpoint", ["scheme, host"]),
        ({"endpoint": "https://h:99999"}, "endpoint", ["whole address"]),
        ({"endpoint": "127.0.0.1:8400"}, "endpoint", ["whole address"]),
        ({"endpoint": "https://h/a b"}, "endpoint", ["blanks"]),
        ({"quotas": {"Refund": {}}}, "quotas", ["Refund", "ConfirmOrderReference"]),
        (
            {"quotas": {"ConfirmOrderReference": {"capacity": 0.5}}},
            "quotas.ConfirmOrderReference.capacity",
            ["0.5", "greater than or equal to 1"],
        ),
        (
            {"quotas": {"ConfirmOrderReference": {"restore_rate": 0}}},
            "quotas.ConfirmOrderReference.restore_rate",
            ["greater than 0"],
        ),
        (
            {"quotas": {"ConfirmOrderReference": {"capacity": float("inf")}}},
            "quotas.ConfirmOrderReference.capacity",
            ["finite"],
        ),
        (
            {"quotas": {"ConfirmOrderReference": {"rate": 1}}},
            "quotas.ConfirmOrderReference.rate",
            ["capacity, restore_rate"],
        ),
        ({"margin": -1}, "margin", ["greater than or equal to 0"]),
        ({"margin": float("nan")}, "margin", ["finite"]),
        ({"margin": 9.5}, "margin", ["ConfirmOrderReference", "at most 9 s"]),
    ],
)
def test_a_wrong_configuration_is_refused_with_key_and_rule(changes, field, words):
    with pytest.raises(BadInput) as caught:
        seller(**changes)
    assert caught.value.field == field
    for word in words:
        assert word in caught.value.message
    for secret in ("hidden", *SECRETS.values()):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_buckets_hold_the_published_quotas():
    assert {name: (spec.capacity, spec.rate) for name, spec in seller().buckets().items()} == {
        "ConfirmOrderReference": (10, 1.0),
        "CancelOrderReference": (10, 1.0),
        "GetOrderReferenceDetails": (20, 2.0),
    }
    assert {
        name: (spec.capacity, spec.rate)
        for name, spec in seller(environment="sandbox").buckets().items()
    } == {
        "ConfirmOrderReference": (2, 0.5),
        "CancelOrderReference": (2, 0.5),
        "GetOrderReferenceDetails": (5, 1.0),
    }


def test_a_bucket_names_endpoint_seller_key_and_operation_and_no_secret():
    spec = seller().buckets()["CancelOrderReference"]
    fingerprint = hashlib.sha256(b"AKIA-not-real").hexdigest()[:12]
    assert spec.key == (
        "https://mws.amazonservices.com:443/OffAmazonPayments/2013-01-01"
        f"|A1B2C3|{fingerprint}|CancelOrderReference"
    )
    assert (spec.seller, spec.operation) == ("acme", "CancelOrderReference")
    assert "Amazon Pay" in spec.source
    assert all(secret not in repr(spec) for secret in SECRETS.values())


def test_configured_quotas_and_margin_change_the_numbers():
    quotas = {"ConfirmOrderReference": {"capacity": "4", "restore_rate": 2}}
    buckets = seller(quotas=quotas, margin=0.5).buckets()
    confirm = buckets["ConfirmOrderReference"]
    assert (confirm.capacity, confirm.rate, confirm.source) == (4.0, 2.0, "configured")
    assert {spec.margin for spec in buckets.values()} == {0.5}


def test_secrets_are_listed_as_they_are_and_as_they_are_sent():
    acme = seller(proxy="http://user:pass-word@proxy:3128")
    assert set(acme.secrets()) == {*SECRETS.values(), "not%2Fa%2Bsecret", "pass-word"}


def test_no_repr_shows_a_secret():
    configuration = configured(options(proxy="http://user:pass-word@proxy:3128"))
    shown = repr(configuration) + repr(seller()) + repr(seller().__dict__)
    assert all(secret not in shown for secret in (*SECRETS.values(), "pass-word"))

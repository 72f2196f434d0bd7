import pytest

from worker.providers.base import BadInput
from worker.providers.seller_center.configuration import configured

KEY = "b1bdb357-obviously-fake"
GOOD = {
    "provider": "seller_center",
    "endpoint": "https://mall.example",
    "user_id": "look@me.com",
    "api_key": KEY,
}


def read(**changes):
    return configured({**GOOD, **changes})


def refused(**changes):
    with pytest.raises(BadInput) as caught:
        read(**changes)
    error = caught.value
    assert KEY not in str(error)
    assert error.__context__ is None  # nothing that holds the input hangs on it
    return error


def test_four_keys_are_enough():
    options = read()
    assert options.endpoint == "https://mall.example/"
    assert (options.format, options.version) == ("XML", "1.0")
    assert (options.reason, options.reason_parameter) == ("SHORTAGE", "Reason")
    assert options.user_agent is None


@pytest.mark.parametrize("key", ["endpoint", "user_id", "api_key"])
def test_a_missing_key_is_named_with_what_to_give(key):
    options = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(BadInput, match="is missing; give the ") as caught:
        configured(options)
    assert caught.value.field == key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("provider", "amazon_pay"),
        ("endpoint", ""),
        ("endpoint", "mall.example"),
        ("endpoint", "http://mall.example"),
        ("endpoint", "ftp://mall.example"),
        ("endpoint", "https://"),
        ("endpoint", "https://mall.example/?a=1"),
        ("endpoint", "https://mall.example/#a"),
        ("endpoint", "https://mall.example:99999"),
        ("endpoint", "https://mall.example:0"),
        ("endpoint", "https://mall.example/a b"),
        ("endpoint", 5),
        ("user_id", ""),
        ("user_id", "  "),
        ("user_id", "half \ud800"),
        ("reason", "half \ud800"),
        ("format", "xml"),
        ("version", ""),
        ("reason", ""),
        ("reason", "x" * 1025),
        ("reason_parameter", "reason"),
        ("user_agent", ""),
        ("user_agent", "Größe"),
        ("user_agent", "a\r\nX-Injected: 1"),
        ("user_agent", "a\n"),
        ("user_agent", "x" * 501),
        ("ca_bundle", "/nowhere/ca.pem"),
        ("ca_bundle", __file__),
        ("ca_bundle", "/x" * 3000),
        ("margin", -1),
        ("margin", float("inf")),
        ("margin", "soon"),
        ("margin", 9.5),
        ("quotas", {"ConfirmOrderReference": {"capacity": 10, "restore_rate": 1}}),
    ],
)
def test_a_wrong_value_is_shown_with_what_would_be_right(key, value):
    error = refused(**{key: value})
    assert error.field == key
    assert repr(value)[:50] in error.message
    assert "is not right; give " in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize("value", ["", 5, None, "half \ud800"])
def test_a_wrong_secret_is_not_shown(value):
    assert refused(api_key=value).message.startswith("this value is not right")


@pytest.mark.parametrize("key", ["proxy", "endpoint"])
def test_a_password_in_a_url_is_not_shown(key):
    error = refused(**{key: "ftp://user:fake-password@host"})
    assert "fake-password" not in str(error)


def test_an_unknown_key_is_refused_with_the_known_ones():
    error = refused(apikey="fake-secret-under-a-wrong-name")
    assert error.field == "apikey"
    assert "api_key" in error.message
    assert "fake-secret" not in str(error)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8400",
        "http://localhost:1",
        "http://[::1]:8400/mall",
        "HTTPS://mall.example",
    ],
)
def test_plain_http_is_for_loopback_and_a_path_is_kept(endpoint):
    path = "" if endpoint.endswith("/mall") else "/"
    assert read(endpoint=endpoint).endpoint == endpoint + path


def test_an_unknown_operation_is_refused_with_the_known_ones():
    error = refused(quotas={"GetOrders": {"capacity": 1, "restore_rate": 1}})
    assert "SetStatusToCanceled, GetOrderItems, GetFailureReasons" in error.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("capacity", 0.5),
        ("capacity", float("nan")),
        ("capacity", float("inf")),
        ("restore_rate", 0),
        ("restore_rate", -1),
        ("restore_rate", float("inf")),
        ("burst", 5),
    ],
)
def test_a_wrong_quota_is_named_to_its_key(key, value):
    quota = {"capacity": 5, "restore_rate": 1.0, key: value}
    error = refused(quotas={"GetOrderItems": quota})
    assert error.field == f"quotas.GetOrderItems.{key}"


def test_the_key_does_not_show_in_the_options():
    assert KEY not in repr(read())

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.seller_center.operations import (
    GET_FAILURE_REASONS,
    GET_ORDER_ITEMS,
    SET_STATUS_TO_CANCELED,
)
from worker.providers.seller_center.signing import (
    Account,
    all_parameters,
    canonical_query,
    encode,
    sign,
    signature,
    timestamp,
)

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors/seller_center/signatures.json").read_text()
)
ACCOUNT = Account(
    "https://mall.example/", "look@me.com", "b1bdb357ced10fe4e9a69840cdd4f0e9c03d77fe"
)
NOW = 1435749071.9  # 2015-07-01T11:11:11.9Z

vectors = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


@vectors
def test_the_published_text_to_sign_is_ours(vector):
    assert canonical_query(vector["parameters"]) == vector["text"]


@vectors
def test_the_published_signature_is_ours(vector):
    assert signature(vector["api_key"], vector["text"]) == vector["signature"]


def test_the_published_example_is_signed_from_end_to_end():
    operation = type(GET_ORDER_ITEMS)("FeedList", "GET", GET_ORDER_ITEMS.quota, "Signing requests")
    request = sign(ACCOUNT, operation, {}, NOW)
    assert (
        request.url
        == f"https://mall.example/?{VECTORS[0]['text']}&Signature={VECTORS[0]['signature']}"
    )


def test_the_time_is_utc_with_an_offset_and_without_a_fraction():
    assert timestamp(NOW) == "2015-07-01T11:11:11+00:00"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Santiago"])
def test_the_hosts_zone_does_not_matter(zone, monkeypatch):
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert timestamp(NOW) == "2015-07-01T11:11:11+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("you want", "you%20want"),
        ("a+b", "a%2Bb"),
        ("it's (not) here!*", "it%27s%20%28not%29%20here%21%2A"),
        ("-._~", "-._~"),
        ("/?&=%", "%2F%3F%26%3D%25"),
        ("Größe ñ 缺货 🙂", "Gr%C3%B6%C3%9Fe%20%C3%B1%20%E7%BC%BA%E8%B4%A7%20%F0%9F%99%82"),
        ("a\nb", "a%0Ab"),
    ],
)
def test_values_are_encoded_by_rfc_3986_as_utf_8(text, encoded):
    assert encode(text) == encoded


def test_names_are_sorted_by_bytes_and_not_by_letters():
    assert canonical_query({"a": "1", "B": "2", "Z": "3", "É": "4"}) == "B=2&Z=3&a=1&%C3%89=4"


def test_an_empty_value_is_kept():
    assert canonical_query({"ReasonDetail": "", "Reason": "x"}) == "Reason=x&ReasonDetail="


def test_the_key_is_plain_text_even_where_it_looks_like_hexadecimal():
    decoded = hmac.new(bytes.fromhex(ACCOUNT.api_key), b"a=1", hashlib.sha256).hexdigest()
    plain = hmac.new(ACCOUNT.api_key.encode(), b"a=1", hashlib.sha256).hexdigest()
    assert signature(ACCOUNT.api_key, "a=1") == plain != decoded


def test_the_common_parameters_cannot_be_overridden_by_an_operations_own():
    named = all_parameters(ACCOUNT, GET_ORDER_ITEMS, {"Action": "FeedList", "OrderId": "1"}, NOW)
    assert named["Action"] == "GetOrderItems"
    assert named["OrderId"] == "1"


@pytest.mark.parametrize(
    ("operation", "method"),
    [(SET_STATUS_TO_CANCELED, "POST"), (GET_ORDER_ITEMS, "GET"), (GET_FAILURE_REASONS, "GET")],
)
def test_writes_are_posted_and_reads_are_got_with_everything_in_the_query(operation, method):
    request = sign(ACCOUNT, operation, {"OrderItemId": "1"}, NOW)
    assert request.method == method
    assert request.body == b""
    assert f"Action={operation.action}&" in urlsplit(request.url).query


def test_each_attempt_carries_its_own_time_and_signature():
    first, second = (sign(ACCOUNT, GET_ORDER_ITEMS, {}, now).url for now in (NOW, NOW + 1))
    assert first.split("&Signature=")[1] != second.split("&Signature=")[1]


def test_an_account_does_not_show_its_key():
    assert ACCOUNT.api_key not in repr(ACCOUNT)


UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def decoded(text):
    """Percent-decoding that knows no `+`."""
    head, *rest = text.split("%")
    return head.encode() + b"".join(bytes([int(part[:2], 16)]) + part[2:].encode() for part in rest)


def verified(url, api_key):
    """A server's view: decode the query, drop the signature, encode, sort, compare."""
    pairs = [tuple(map(decoded, pair.split("="))) for pair in urlsplit(url).query.split("&")]
    given_signature = dict(pairs)[b"Signature"].decode()
    encoded = [
        b"=".join(
            b"".join(bytes([c]) if c in UNRESERVED else b"%%%02X" % c for c in part)
            for part in pair
        )
        for pair in sorted(pairs)
        if pair[0] != b"Signature"
    ]
    expected = hmac.new(api_key.encode(), b"&".join(encoded), hashlib.sha256).hexdigest()
    return given_signature == expected, {name.decode(): value.decode() for name, value in pairs}


any_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    reason=any_text | st.text(alphabet="'()*~+ !%&=#ñ🙂"),
    detail=any_text,
    key=any_text.filter(bool),
    now=st.floats(0, 4e9),
)
def test_a_server_reads_back_what_was_signed(reason, detail, key, now):
    account = Account("https://mall.example/", "look@me.com", key)
    request = sign(account, SET_STATUS_TO_CANCELED, {"Reason": reason, "ReasonDetail": detail}, now)
    is_right, parameters = verified(request.url, key)
    assert is_right
    assert parameters["Reason"] == reason
    assert parameters["ReasonDetail"] == detail
    assert request.url.isascii()


def test_the_verifier_notices_a_wrong_key():
    assert not verified(sign(ACCOUNT, GET_ORDER_ITEMS, {}, NOW).url, "another key")[0]

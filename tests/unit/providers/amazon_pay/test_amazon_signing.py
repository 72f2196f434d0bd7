"""Signature Version 2, stage by stage, against the published vectors and a second opinion."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.amazon_pay.signing import (
    Credentials,
    Endpoint,
    canonical_query,
    sign,
    signature,
    string_to_sign,
    timestamp,
)

VECTORS = json.loads(
    (Path(__file__).parents[3] / "vectors" / "amazon_pay" / "signatures.json").read_text()
)
ENDPOINT = Endpoint("https", "mws.amazonservices.com", 443, "/OffAmazonPayments/2013-01-01")
CREDENTIALS = Credentials("SELLER", "ACCESS-KEY", "not-a-secret")

published = pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["source"])


@published
def test_the_canonical_query_is_the_published_one(vector):
    assert canonical_query(vector["parameters"]) == vector["canonical_query"]


@published
def test_the_string_to_sign_is_the_published_one(vector):
    parts = (vector["method"], vector["host"], vector["path"], vector["canonical_query"])
    assert string_to_sign(*parts) == vector["string_to_sign"]


@published
def test_the_signature_is_the_published_one(vector):
    assert signature(vector["secret_key"], vector["string_to_sign"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["digests"], ids=lambda v: v["source"])
def test_the_digest_is_the_published_one(vector):
    assert signature(vector["secret_key"], vector["text"]) == vector["signature"]


def test_names_stand_in_the_order_of_their_bytes():
    names = [
        "a",
        "A1",
        "A.2",
        "A_",
        "A.10",
        "A-",
        "Action",
        "AWSAccessKeyId",
        "\u00e9",
        "\U0001f600",
    ]
    ordered = [pair.split("=")[0] for pair in canonical_query(dict.fromkeys(names, "")).split("&")]
    assert ordered == [
        *("A-", "A.10", "A.2", "A1", "AWSAccessKeyId", "A_", "Action", "a"),
        *("%C3%A9", "%F0%9F%98%80"),
    ]


def test_encoding_is_that_of_rfc_3986():
    encoded = canonical_query({"n n": "a b+c*d~e/f=g&h\u00e9", "empty": "", "Signature": "no"})
    assert encoded == "empty=&n%20n=a%20b%2Bc%2Ad~e%2Ff%3Dg%26h%C3%A9"


def test_host_is_lower_case_and_verb_upper_case_and_an_empty_path_is_a_slash():
    assert string_to_sign("post", "MWS.Example.COM", "", "a=b") == "POST\nmws.example.com\n/\na=b"


def test_a_path_keeps_its_trailing_slash_and_is_encoded():
    assert string_to_sign("GET", "h", "/a b/%41/", "") == "GET\nh\n/a%20b/%41/\n"


@pytest.mark.parametrize(
    ("scheme", "port", "host"),
    [
        ("https", 443, "h"),
        ("http", 80, "h"),
        ("http", 443, "h:443"),
        ("https", 80, "h:80"),
        ("http", 8400, "h:8400"),
    ],
)
def test_the_port_is_signed_unless_it_is_the_schemes_own(scheme, port, host):
    assert Endpoint(scheme, "h", port, "/p").signed_host == host


def test_the_date_is_written_in_utc_whole_seconds():
    assert timestamp(1349290871.987) == "2012-10-03T19:01:11Z"


def test_credentials_do_not_show_their_secrets():
    assert (
        repr(Credentials("SELLER", "access", "secret", "token"))
        == "Credentials(seller_id='SELLER')"
    )


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def verify(body: str, endpoint: Endpoint, secret_key: str) -> bool:
    """What a server does: decode the form, encode it again in its own way, compare."""
    received = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
    claimed = received.pop("Signature")
    unreserved = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"

    def percent(value: str) -> bytes:
        return b"".join(
            bytes([byte]) if byte in unreserved else b"%%%02X" % byte for byte in value.encode()
        )

    pairs = sorted(
        (name.encode(), percent(name) + b"=" + percent(received[name])) for name in received
    )
    port = "" if endpoint.port in (80, 443) else f":{endpoint.port}"
    lines = [b"POST", (endpoint.host + port).encode(), endpoint.path.encode()]
    message = b"\n".join([*lines, b"&".join(pair for _, pair in pairs)])
    digest = hmac.new(secret_key.encode(), message, hashlib.sha256).digest()
    return hmac.compare_digest(claimed.encode(), base64.b64encode(digest))


@given(
    parameters=st.dictionaries(text.filter(lambda name: name != "Signature"), text, max_size=6),
    secret_key=text,
    port=st.sampled_from([443, 8400]),
)
def test_any_names_and_values_verify(parameters, secret_key, port):
    endpoint = Endpoint("https", "127.0.0.1", port, "/OffAmazonPayments/2013-01-01/")
    credentials = Credentials("S", "A", secret_key, "token")
    body = sign(parameters, method="POST", endpoint=endpoint, credentials=credentials, date=1e9)
    assert verify(body, endpoint, secret_key)
    assert not verify(body, endpoint, secret_key + "x")
    received = dict(parse_qsl(body, keep_blank_values=True))
    assert received["Timestamp"] == "2001-09-09T01:46:40Z"
    assert received["MWSAuthToken"] == "token"
    own = {"AWSAccessKeyId", "SellerId", "SignatureMethod", "SignatureVersion", "MWSAuthToken"}
    for name in parameters.keys() - own - {"Timestamp"}:
        assert received[name] == parameters[name]


def test_each_date_gives_another_signature():
    def signed(date: float) -> str:
        return sign(
            {"Action": "X"}, method="POST", endpoint=ENDPOINT, credentials=CREDENTIALS, date=date
        )

    assert signed(1e9) == signed(1e9)
    assert signed(1e9) != signed(1e9 + 1)

"""Published vectors, and every spelling of a request that clients in use send."""

import hmac
from urllib.parse import urlencode

import pytest
from sandbox_clients import ORDER, SANDBOX, SECRET, Amazon, Center, encoded, send

from worker.sandbox.amazon_pay import signing as amazon_signing
from worker.sandbox.seller_center import signing as center_signing

EMR = {
    "AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "Action": "DescribeJobFlows",
    "SignatureMethod": "HmacSHA256",
    "SignatureVersion": "2",
    "Timestamp": "2011-10-03T15:19:30",
    "Version": "2009-03-31",
}
ADVERTISING = {
    "AWSAccessKeyId": "00000000000000000000",
    "ItemId": "0679722769",
    "Operation": "ItemLookup",
    "ResponseGroup": "ItemAttributes,Offers,Images,Reviews",
    "Service": "AWSECommerceService",
    "Timestamp": "2009-01-01T12:00:00Z",
    "Version": "2009-01-06",
}


@pytest.mark.parametrize(
    ("secret", "host", "path", "parameters", "signature"),
    [
        (
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "elasticmapreduce.amazonaws.com",
            "/",
            EMR,
            "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=",
        ),
        (
            "1234567890",
            "webservices.amazon.com",
            "/onca/xml",
            ADVERTISING,
            "Nace+U3Az4OhN7tISqgs1vdLBHBEijWcBeCqL5xN9xg=",
        ),
    ],
)
def test_amazons_published_vectors(secret, host, path, parameters, signature):
    query = amazon_signing.canonical_query(parameters)
    text = amazon_signing.signed_text("GET", host, path, query)
    assert amazon_signing.signature(secret, text) == signature


def test_the_hmac_step_of_amazons_own_sdk():
    assert (
        amazon_signing.signature("mws_secret_key", "my_test_string")
        == "JQZYxe8EFlLE3XCAWotsn329rpZF7OFYhA8oo7rUV2E="
    )


@pytest.mark.parametrize(
    ("key", "parameters", "signature"),
    [
        (
            "b1bdb357ced10fe4e9a69840cdd4f0e9c03d77fe",
            {
                "Version": "1.0",
                "Action": "FeedList",
                "Format": "XML",
                "Timestamp": "2015-07-01T11:11:11+00:00",
                "UserID": "look@me.com",
            },
            "3ceb8ed91049dfc718b0d2d176fb2ed0e5fd74f76c5971f34cdab48412476041",
        ),
        (
            "1234567890",
            {
                "Foo": "bar",
                "Timestamp": "2014-11-12T11:45:26Z",
                "UserID": "abc@sellercenter.net",
                "Whatever": "you want",
            },
            "bb6b9ee192fe31f7e21c2fcc6298feccc777b747beb0a062e7c21072671a5cae",
        ),
    ],
)
def test_seller_centers_published_vectors(key, parameters, signature):
    assert center_signing.signature(key, center_signing.signed_text(parameters)) == signature


@pytest.mark.parametrize("signing", [amazon_signing.canonical_query, center_signing.signed_text])
def test_names_are_in_byte_order_and_only_unreserved_characters_are_literal(signing):
    names = ["a", "A_", "A1", "A.2", "A.10", "A-", "Signature"]
    assert signing(dict.fromkeys(names, "* ~+/")) == "&".join(
        f"{name}=%2A%20~%2B%2F" for name in ["A-", "A.10", "A.2", "A1", "A_", "a"]
    )


ODD = "it's 1 + 1 = 2 & more; 100% * ~ \u00fc\u20ac\U0001f600"


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("path", [SANDBOX, SANDBOX + "/"])
@pytest.mark.parametrize("method", ["HmacSHA256", "HmacSHA1"])
def test_amazon_takes_a_query_with_either_verb_path_and_digest(sandbox, clock, verb, path, method):
    amazon = Amazon(sandbox.url, clock, path=path)
    parameters = amazon.parameters(
        "CancelOrderReference", SignatureMethod=method, CancelationReason=ODD
    )
    query = encoded(amazon.sign(parameters, verb))
    assert send(sandbox.url, verb, f"{path}?{query}").code is None
    assert sandbox.order(ORDER)["reason_description"] == ODD


def test_amazon_takes_a_form_that_writes_a_space_as_plus(amazon, sandbox):
    assert amazon.cancel(CancelationReason="out of stock").code is None
    assert sandbox.order(ORDER)["reason_description"] == "out of stock"


def test_an_empty_value_is_signed_as_such(amazon, center):
    assert amazon.cancel(CancelationReason="").code is None
    assert center.cancel(ReasonDetail="").code is None


@pytest.mark.parametrize("host", ["MWS.AmazonServices.com", "mws.amazonservices.com:443"])
def test_the_signed_host_is_the_received_one_without_case_and_standard_port(amazon, sandbox, host):
    parameters = amazon.sign(
        amazon.parameters("ConfirmOrderReference"), host="mws.amazonservices.com"
    )
    target = f"{SANDBOX}?{encoded(parameters)}"
    assert send(sandbox.url, "POST", target, headers={"Host": host}).code is None


def test_a_host_signed_with_its_scheme_passes_unless_the_switch_says_no(amazon, sandbox):
    parameters = amazon.sign(amazon.parameters("GetOrderReferenceDetails"), host=sandbox.url)
    assert amazon.post(parameters).code is None
    sandbox.switch(signed_host="received")
    assert amazon.post(parameters).code == "SignatureDoesNotMatch"


def test_a_request_as_boto_sends_it(amazon, sandbox):
    """POST, everything in the query, an empty body, and no port in the host."""
    signed = amazon.sign(amazon.parameters("ConfirmOrderReference"), host="127.0.0.1")
    target = f"{SANDBOX}?{encoded(signed)}"
    assert send(sandbox.url, "POST", target, headers={"Host": "127.0.0.1"}).code is None


def test_a_request_as_python_mws_sends_it(sandbox, clock):
    """GET, a slash at the end of the path, no zone in the timestamp, the scheme in the host."""
    mws = Amazon(sandbox.url, clock, path=f"{SANDBOX}/")
    parameters = mws.parameters("ConfirmOrderReference", Timestamp="2023-11-14T22:13:20")
    target = f"{SANDBOX}/?{encoded(mws.sign(parameters, 'GET', host=sandbox.url))}"
    assert send(sandbox.url, "GET", target).code is None


def test_a_request_as_falabellaapiclient_sends_it(center, sandbox):
    """JSON, with a content type of JSON and no body; a space, signed as plus, fails its login."""
    for detail, code in (("", None), ("a b", "E007")):
        parameters = center.parameters(
            "SetStatusToCanceled",
            OrderItemId="1",
            Reason="SHORTAGE",
            ReasonDetail=detail,
            Format="JSON",
        )
        text = urlencode(sorted(parameters.items()))
        digest = hmac.new(center.key.encode(), text.encode(), "sha256").hexdigest()
        target = f"/?{urlencode(parameters)}&Signature={digest}"
        headers = {"Content-Type": "application/json"}
        assert send(sandbox.url, "POST", target, headers=headers).code == code


@pytest.mark.parametrize("change", ["verb", "path", "value", "secret", "name"])
def test_amazon_refuses_a_signature_of_anything_else(amazon, sandbox, clock, change):
    signed = amazon.sign(
        amazon.parameters("ConfirmOrderReference"), "GET" if change == "verb" else "POST"
    )
    if change == "path":
        amazon.path += "/"
    elif change == "value":
        signed["AmazonOrderReferenceId"] = "S01-7654321-7654321"
    elif change == "name":
        signed["Extra"] = ""
    elif change == "secret":
        signed = Amazon(sandbox.url, clock, SECRET[:-1]).sign(
            amazon.parameters("ConfirmOrderReference")
        )
    answer = amazon.post(signed)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert sandbox.orders() == []


@pytest.mark.parametrize("change", ["value", "key", "plus", "upper"])
def test_seller_center_refuses_a_signature_of_anything_else(center, sandbox, clock, change):
    parameters = center.parameters(
        "SetStatusToCanceled", OrderItemId="1", Reason="SHORTAGE", ReasonDetail="a b"
    )
    signed = center.sign(parameters)
    if change == "value":
        signed["OrderItemId"] = "2"
    elif change == "key":
        signed = Center(sandbox.url, clock, "other").sign(parameters)
    elif change == "plus":  # form encoding, as some samples sign
        signed = center.sign({**parameters, "ReasonDetail": "a+b"}) | {"ReasonDetail": "a b"}
    elif change == "upper":
        signed["Signature"] = signed["Signature"].upper()
    assert center.post(signed).text("ErrorMessage") == "E007: Login failed"
    assert sandbox.orders() == []


def test_seller_center_reads_a_reason_with_every_kind_of_character(center, sandbox):
    sandbox.switch(reason_list=[ODD])
    assert center.cancel(reason=ODD).code is None
    assert sandbox.order("10937342")["reason"] == ODD

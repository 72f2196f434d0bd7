"""ConfirmOrderReference in as few lines as it takes: sign, send by requests, read the status.

One session a process, whose pool of connections all threads use, and no look at the environment
for proxies at each call: what somebody writes who has profiled it.
"""

import base64
import functools
import hashlib
import hmac
import os
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from benchmarks.provider import ACCESS_KEY, SECRET_KEY, seller_id

PATH = "/OffAmazonPayments_Sandbox/2013-01-01"
ENDPOINT = os.environ.get("BENCHMARK_ENDPOINT", "")
THROTTLED = 503

CONNECTIONS = 64


class Throttled(Exception):
    """The provider had no token."""


def send(order_id: str, seller: str) -> str:
    """Confirm an order; the answer's text. Raises Throttled, requests' errors."""
    answer = session(os.getpid()).post(ENDPOINT + PATH, data=signed(order_id, seller), timeout=10)
    if answer.status_code == THROTTLED:
        raise Throttled(answer.text)
    answer.raise_for_status()
    return answer.text


@functools.cache
def session(_pid: int) -> requests.Session:
    """The session of a process."""
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return made


def signed(order_id: str, seller: str) -> dict[str, str]:
    """The parameters of a call with their signature (version 2)."""
    parameters = {
        "AWSAccessKeyId": ACCESS_KEY,
        "Action": "ConfirmOrderReference",
        "AmazonOrderReferenceId": order_id,
        "SellerId": seller_id(seller),
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Version": "2013-01-01",
    }
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in parameters.items())
    text = f"POST\n{urlsplit(ENDPOINT).netloc}\n{PATH}\n{query}"
    digest = hmac.new(SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest()
    return {**parameters, "Signature": base64.b64encode(digest).decode()}

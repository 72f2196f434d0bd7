"""Two small clients that sign by themselves, and a clock that a test moves."""

import base64
import hashlib
import hmac
import http.client
import json
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from defusedxml import ElementTree

SELLER, ACCESS_KEY, SECRET = "SELLER1", "AKIAFAKE", "fake-secret"
USER, API_KEY = "look@me.com", "fake-api-key"
ORDER = "S01-1234567-1234567"
SANDBOX = "/OffAmazonPayments_Sandbox/2013-01-01"
PRODUCTION = "/OffAmazonPayments/2013-01-01"


class Clock:
    def __init__(self, now=1_700_000_000.0):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def root(self):
        """The document without its namespace."""
        root = ElementTree.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def text(self, path):
        return self.root.findtext(f".//{path}")

    @property
    def code(self):
        """The error code of either provider, or None for a success."""
        if self.body.startswith(b"{"):
            head = json.loads(self.body).get("ErrorResponse", {}).get("Head", {})
            return f"E{int(head['ErrorCode']):03d}" if head else None
        code = self.text("Code")
        number = self.text("ErrorCode")
        return code if number is None else f"E{int(number):03d}"


def encoded(parameters):
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(parameters.items(), key=lambda pair: pair[0].encode())
    )


def send(url, verb, target, body=b"", headers=None):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(verb, target, body=body or None, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers.items()), response.read())
    finally:
        connection.close()


class Amazon:
    """One seller's requests. Keyword arguments replace parameters; None leaves one out."""

    def __init__(self, url, clock, secret=SECRET, path=SANDBOX):
        self.url = url
        self.clock = clock
        self.secret = secret
        self.path = path

    def parameters(self, action, order=ORDER, **more):
        parameters = {
            "AWSAccessKeyId": ACCESS_KEY,
            "Action": action,
            "SellerId": SELLER,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": "2013-01-01",
            "AmazonOrderReferenceId": order,
        } | {name.replace("__", "."): value for name, value in more.items()}
        return {name: value for name, value in parameters.items() if value is not None}

    def sign(self, parameters, verb="POST", host=None):
        host = host or urlsplit(self.url).netloc
        text = f"{verb}\n{host}\n{self.path}\n{encoded(parameters)}"
        method = {"HmacSHA1": "sha1"}.get(parameters.get("SignatureMethod"), "sha256")
        digest = hmac.new(self.secret.encode(), text.encode(), method).digest()
        return {**parameters, "Signature": base64.b64encode(digest).decode()}

    def __call__(self, action, order=ORDER, **more):
        return self.post(self.sign(self.parameters(action, order, **more)))

    def post(self, parameters):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return send(self.url, "POST", self.path, urlencode(parameters).encode(), form)

    def confirm(self, order=ORDER, **more):
        return self("ConfirmOrderReference", order, **more)

    def cancel(self, order=ORDER, **more):
        return self("CancelOrderReference", order, **more)

    def get(self, order=ORDER, **more):
        return self("GetOrderReferenceDetails", order, **more)

    def state(self, order=ORDER):
        return self.get(order).text("OrderReferenceStatus/State")


class Center:
    """One user's requests, XML unless asked otherwise."""

    def __init__(self, url, clock, key=API_KEY):
        self.url = url
        self.clock = clock
        self.key = key

    def parameters(self, action, **more):
        parameters = {
            "Action": action,
            "Timestamp": datetime.fromtimestamp(self.clock(), UTC).strftime(
                "%Y-%m-%dT%H:%M:%S+00:00"
            ),
            "UserID": USER,
            "Version": "1.0",
        } | more
        return {name: value for name, value in parameters.items() if value is not None}

    def sign(self, parameters):
        text = encoded(parameters)
        digest = hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {**parameters, "Signature": digest}

    def __call__(self, action, **more):
        return self.post(self.sign(self.parameters(action, **more)))

    def post(self, parameters, verb="POST", headers=None):
        return send(self.url, verb, "/?" + encoded(parameters), headers=headers)

    def cancel(self, item="10937342", reason="SHORTAGE", **more):
        return self("SetStatusToCanceled", OrderItemId=item, Reason=reason, **more)

    def items(self, order="4711", **more):
        return self("GetOrderItems", OrderId=order, **more)

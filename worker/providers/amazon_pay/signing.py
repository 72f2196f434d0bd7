"""Signature Version 2, in named stages: canonical query, string to sign, signature.

Source: Amazon MWS Developer Guide, "Signing query requests". Each stage is a pure function.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

_STANDARD_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go. `host` is lower case, an IPv6 address in brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def signed_host(self) -> str:
        """The host as it is signed and sent: with the port unless it is the scheme's own."""
        standard = _STANDARD_PORTS.get(self.scheme) == self.port
        return self.host if standard else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.signed_host}{self.path}"

    @property
    def account(self) -> str:
        """The endpoint's part of a bucket's key: nothing left out that tells two apart."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Credentials:
    seller_id: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    auth_token: str | None = field(default=None, repr=False)  # of a delegated developer


def timestamp(date: float) -> str:
    """ISO 8601 in UTC, whole seconds; `date` is seconds since the epoch."""
    return datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode(text: str) -> str:
    """RFC 3986: only letters, digits and `-_.~` stay as they are."""
    return quote(text, safe="-_.~")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Every parameter but `Signature`, encoded, in the byte order of the names."""
    names = sorted((name for name in parameters if name != "Signature"), key=str.encode)
    return "&".join(f"{encode(name)}={encode(parameters[name])}" for name in names)


def string_to_sign(method: str, host: str, path: str, query: str) -> str:
    return "\n".join((method.upper(), host.lower(), quote(path, safe="/-_.~%") or "/", query))


def signature(secret_key: str, text: str) -> str:
    digest = hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def sign(
    parameters: Mapping[str, str],
    *,
    method: str,
    endpoint: Endpoint,
    credentials: Credentials,
    date: float,
) -> str:
    """The signed form of a request to `endpoint`: a form body, or the query of a GET."""
    token = {"MWSAuthToken": credentials.auth_token} if credentials.auth_token else {}
    query = canonical_query(
        {
            **parameters,
            **token,
            "AWSAccessKeyId": credentials.access_key,
            "SellerId": credentials.seller_id,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": timestamp(date),
        }
    )
    text = string_to_sign(method, endpoint.signed_host, endpoint.path, query)
    return f"{query}&Signature={encode(signature(credentials.secret_key, text))}"

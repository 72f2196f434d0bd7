"""Signed requests, in stages: parameters, text to sign, signature, request.

Page: "Signing requests" of the Seller Center documentation. Only the query is signed: neither
verb, host, path nor body. The API key looks like hexadecimal digits and is used as plain text.
Nothing here reads a clock, and every request carries the time that it is given.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from worker.providers.seller_center.operations import Operation
from worker.providers.transport import HttpRequest


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs, and where to. `endpoint` is a URL with a path and no query."""

    endpoint: str
    user_id: str
    api_key: str = field(repr=False)
    format: str = "XML"
    version: str = "1.0"


def timestamp(now: float) -> str:
    """Epoch seconds in the form that the documentation recommends: `2015-07-01T11:11:11+00:00`."""
    return datetime.fromtimestamp(int(now), UTC).isoformat()


def all_parameters(
    account: Account, operation: Operation, parameters: Mapping[str, str], now: float
) -> dict[str, str]:
    """The operation's own parameters with the common ones, still without `Signature`."""
    return {
        **parameters,
        "Action": operation.action,
        "Format": account.format,
        "Timestamp": timestamp(now),
        "UserID": account.user_id,
        "Version": account.version,
    }


def encode(text: str) -> str:
    """RFC 3986: letters, digits and `-._~` stay, all else is `%XX` of its UTF-8 bytes."""
    return quote(text, safe="")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """`name=value` pairs by byte order of the name, joined with `&`. Empty values are kept."""
    ordered = sorted(parameters.items(), key=lambda pair: pair[0].encode())
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in ordered)


def signature(api_key: str, text: str) -> str:
    """Lower-case hexadecimal HMAC-SHA256 of the canonical query."""
    return hmac.new(api_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign(
    account: Account, operation: Operation, parameters: Mapping[str, str], now: float
) -> HttpRequest:
    """The request of one attempt: all parameters in the query, the body empty."""
    text = canonical_query(all_parameters(account, operation, parameters, now))
    signed = f"{text}&Signature={signature(account.api_key, text)}"
    return HttpRequest(operation.method, f"{account.endpoint}?{signed}")

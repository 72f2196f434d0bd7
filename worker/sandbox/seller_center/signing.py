"""Verification of a request's signature (vendor documentation, "Signing requests").

Verb, host, path and body are not signed. The API key is used as the text it is, never decoded
from hex.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote


def signed_text(parameters: Mapping[str, str]) -> str:
    """Every parameter but the signature, RFC 3986, in byte order of the name."""
    return "&".join(
        f"{_encoded(name)}={_encoded(parameters[name])}"
        for name in sorted(parameters, key=lambda name: name.encode(errors="surrogateescape"))
        if name != "Signature"
    )


def _encoded(text: str) -> str:
    return quote(text, safe="-._~", errors="surrogateescape")


def signature(api_key: str, text: str) -> str:
    """Lower-case hexadecimal."""
    return hmac.new(api_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_signed(parameters: Mapping[str, str], api_key: str) -> bool:
    expected = signature(api_key, signed_text(parameters))
    given = parameters["Signature"].encode(errors="surrogateescape")
    return hmac.compare_digest(given, expected.encode())

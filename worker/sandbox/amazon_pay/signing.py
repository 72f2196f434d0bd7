"""Verification of Signature Version 2 (Amazon MWS developer guide, "Signing query requests").

The verifier starts from the decoded parameters and writes the canonical text itself, so it
accepts any spelling on the wire (`+` for a space in a form) and only one in what was signed.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote

DIGESTS = {"HmacSHA256": hashlib.sha256, "HmacSHA1": hashlib.sha1}


def canonical_host(host: str) -> str:
    """Lower case, without a port that is standard for http or https."""
    return host.strip().lower().removesuffix(":80").removesuffix(":443")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Every parameter but the signature, RFC 3986, in byte order of the name."""
    pairs = sorted(
        (name.encode(errors="surrogateescape"), name, value)
        for name, value in parameters.items()
        if name != "Signature"
    )
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for _, name, value in pairs)


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~", errors="surrogateescape")


def signed_text(verb: str, host: str, path: str, query: str) -> str:
    return f"{verb.upper()}\n{host}\n{path or '/'}\n{query}"


def signature(secret: str, text: str, method: str = "HmacSHA256") -> str:
    digest = hmac.new(secret.encode(), text.encode(errors="surrogateescape"), DIGESTS[method])
    return b64encode(digest.digest()).decode()


def is_signed(
    parameters: Mapping[str, str], verb: str, hosts: Iterable[str], path: str, secret: str
) -> bool:
    """Whether the secret signed exactly this request, under one of the host's spellings."""
    given = parameters["Signature"].encode(errors="surrogateescape")
    query = canonical_query(parameters)
    return any(
        hmac.compare_digest(
            given,
            signature(
                secret, signed_text(verb, host, path, query), parameters["SignatureMethod"]
            ).encode(),
        )
        for host in hosts
    )

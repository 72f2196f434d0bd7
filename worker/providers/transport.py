"""One HTTP request, sent once, with a bounded call and a bounded answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes over the wire, already signed. `url` carries the query; `body` may be empty."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What came back, whatever its status. Header names are lower case.

    `complete` is False when the body was cut short or is larger than the limit; `body` then
    holds what was read of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True


class NotSent(Exception):
    """No byte of the request left: name resolution, connection or TLS set-up failed."""


class NoAnswer(Exception):
    """The request may have arrived and no status line came: time-out, reset, end of stream."""

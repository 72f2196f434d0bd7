"""The values that pass between the socket, the front and a provider's service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived. Header names are lower case, `arrived` epoch seconds.

    `query` and `form` are decoded pairs in the order received; `oversized` says that the body
    was larger than the server reads.
    """

    verb: str
    path: str
    headers: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    body: bytes
    arrived: float
    oversized: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `code` is the provider's error code, for the log.

    `torn` promises the whole body and sends half of it; `cut` closes the connection without a byte.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml"
    headers: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    torn: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for what, as the request says it, before anything of it is verified."""

    provider: str
    request: Request
    parameters: Mapping[str, str]
    operation: str = ""
    seller: str = ""
    order_id: str | None = None
    environment: str = ""
    duplicates: bool = False


class Refusal(Exception):
    """The provider says no: `code` is its error code, `status` overrides the code's own."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        throttled: bool = False,
        level: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.throttled = throttled
        self.level = level
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that passed every check up to the quota; `level` is the bucket's after it."""

    level: float | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an operation did. A write that was accepted without a change has `changed` False."""

    reply: Reply
    write: bool
    changed: bool


class Service(Protocol):
    """One provider's side of the sandbox. The front holds the lock around `admit` and `apply`."""

    provider: str

    def read(self, request: Request) -> Call:
        """What the request says it is. Never raises."""
        ...

    def admit(self, call: Call, now: float) -> Admission:
        """Every check up to and with the quota, in the documented order; raises Refusal.

        `now` is the server's clock as this request sees it; the quota counts the arrival.
        """
        ...

    def apply(self, call: Call, now: float, lag: float | None) -> Applied:
        """Check the values, then do it; raises Refusal. `lag` overrides the switch for reads."""
        ...

    def refuse(self, call: Call, refusal: Refusal, now: float) -> Reply:
        """The provider's error document."""
        ...

    def owns(self, order_id: str) -> bool:
        """Whether an id has the form of this provider's orders."""
        ...

    def shown(self, now: float, order_id: str | None = None) -> list[dict[str, object]]:
        """The orders as they are now and the control requests show them: all, or those of an id."""
        ...

    def stage(self, order_id: str, fields: Mapping[str, object], now: float) -> None:
        """Put an order into a state that a test needs; raises BadSetting with a sentence."""
        ...

    def forget(self) -> None:
        """Forget every order."""
        ...

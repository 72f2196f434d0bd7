"""One HTTP request, sent once, with a bounded call and a bounded answer."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, RemoteDisconnected
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ProxyError

from worker.providers import sessions
from worker.providers.calls import Call


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes over the wire, already signed. `url` carries the query; `body` may be empty."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


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


_READ_PIECE = 64 * 1024

# urllib3 writes whole addresses, signatures included, at level DEBUG.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

# What is said of a failure, by the first kind that its chain of causes contains. The words are
# ours: those of requests and urllib3 quote the address with its signature.
_PHRASES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "name resolution failed"),
    (ConnectionRefusedError, "connection refused"),
    (ssl.SSLCertVerificationError, "TLS: the certificate is not trusted"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "time-out"),
    (RemoteDisconnected, "the connection was closed without an answer"),
    (ConnectionError, "the connection was lost"),
    (HTTPException, "the answer is not HTTP"),
    (ProxyError, "the proxy refused"),
    (ValueError, "the address cannot be called"),
    (OSError, "the connection failed"),
)


class Transport:
    """Sends requests, each once: no retries, no redirects, no cookies. Safe to share by threads.

    `call_timeout` (seconds) bounds the whole of a call, `connect_timeout` its part up to the
    connection. Certificates are always verified, against `ca_bundle` (a file or directory) if
    given. At most `max_body` bytes of an answer are kept, counted after decompression. `on_sent`
    is called when a request has left and before its answer is read.
    """

    def __init__(
        self,
        *,
        call_timeout: float,
        connect_timeout: float | None = None,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        max_body: int = 1_048_576,
        user_agent: str,
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._call_timeout = call_timeout
        self._connect_timeout = call_timeout if connect_timeout is None else connect_timeout
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._ca_bundle = ca_bundle
        self._max_body = max_body
        self._user_agent = user_agent
        self._on_sent = on_sent

    def send(self, request: HttpRequest) -> HttpReply:
        """Send the request and read the answer, whatever its status.

        Raises NotSent when no byte of the request left, NoAnswer when it may have arrived and no
        status line came. A status line always makes a reply, whatever becomes of the rest.
        """
        session = sessions.session(self._ca_bundle)
        call = Call(self._call_timeout, self._connect_timeout, self._on_sent)
        session.adapter.call = call
        try:
            with session.send(
                _prepared(request, self._user_agent),
                stream=True,
                allow_redirects=False,
                proxies=self._proxies,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body, complete = self._read(response)
                return HttpReply(response.status_code, headers, body, complete)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            what = _what_happened(error)
        if call.status is not None:
            return HttpReply(call.status, {}, b"", complete=False)
        host = _host(request.url)
        if call.sent:
            raise NoAnswer(f"{host}: {what} after the request was sent")
        raise NotSent(f"{host}: {what} before anything was sent")

    def _read(self, response: requests.Response) -> tuple[bytes, bool]:
        """The body as far as it came, and whether that is all of it."""
        body = bytearray()
        try:
            while len(body) <= self._max_body:
                piece = response.raw.read1(_READ_PIECE, decode_content=True)
                if not piece:
                    return bytes(body), True
                body += piece
        except (HTTPError, HTTPException, OSError, ValueError):
            pass
        return bytes(body[: self._max_body]), False


def _prepared(request: HttpRequest, user_agent: str) -> requests.PreparedRequest:
    headers = {"User-Agent": user_agent, **request.headers}
    prepared = requests.Request(request.method, request.url, headers, data=request.body).prepare()
    prepared.url = request.url  # as it was signed
    return prepared


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def _what_happened(error: BaseException) -> str:
    kinds = [type(cause) for cause in _causes(error)]
    return next(
        (phrase for kind, phrase in _PHRASES if any(issubclass(k, kind) for k in kinds)),
        "the connection failed",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
            pending += cause.args

"""One request's time and progress, and the reading and resolving that keep to its time.

The time-outs of requests and urllib3 bound a single read: a server that sends one byte a second
holds a caller for ever. Here each request carries a `Call`, and before every step that can block
the socket gets the time that is left of it.

The `Call` also records how far the request came, seen at the socket and not guessed from the kind
of an exception: whether a byte of it was sent, and which status line came back.
"""

import io
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any, cast

from worker import holding
from worker.clock import elapsed


class Call:
    """One request on its way. Times are `clock.elapsed()`."""

    def __init__(
        self, call_timeout: float, connect_timeout: float, sent: Callable[[], None]
    ) -> None:
        now = elapsed()
        self._deadline = min(now + call_timeout, holding.ends())
        self._connect_deadline = min(now + connect_timeout, self._deadline)
        self._on_sent = sent
        self.sent = False  # from the moment before the first byte: it may have left
        self.status: int | None = None  # of the status line, if one came
        self.last_read = now

    def remaining(self) -> float:
        """Seconds left; raises TimeoutError when none are."""
        return self._until(self._deadline)

    def remaining_to_connect(self) -> float:
        return self._until(self._connect_deadline)

    def has_left(self) -> None:
        self._on_sent()

    @staticmethod
    def _until(deadline: float) -> float:
        left = deadline - elapsed()
        if left <= 0:
            raise TimeoutError
        return left


class _TimedReader(io.RawIOBase):
    """A socket's incoming bytes, each read within the time that is left."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(self._call.remaining())
        count = self._raw.readinto(buffer)
        self._call.last_read = elapsed()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client wants of a socket to read an answer from it."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._sock = sock
        self._call = call

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._call))


class TimedResponse(HTTPResponse):
    def __init__(self, call: Call, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(cast("socket.socket", _TimedSocket(sock, call)), *args, **kwargs)
        self._call = call

    def begin(self) -> None:
        try:
            super().begin()
        finally:  # the header lines may fail after a status line came
            if isinstance(self.status, int):
                self._call.status = self.status


def resolve(host: str, port: int, call: Call) -> list[Any]:
    """`getaddrinfo` within the time that is left, which the resolver itself knows nothing of."""
    name = host.strip("[]")
    if _is_address(name):  # which needs no resolver, and nobody to wait for it
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    found: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(socket.gaierror("not a host name"))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=call.remaining_to_connect())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

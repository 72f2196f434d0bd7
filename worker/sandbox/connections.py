"""HTTP/1.1 on a loopback socket: keep-alive, one thread a connection, one send an answer."""

import socket
import sys
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Condition
from urllib.parse import unquote_plus

from worker.sandbox.exchange import Reply, Request

LARGEST_BODY = 128 * 2**20  # Seller Center documents it; Amazon's limit is unknown
END_WAIT = 5.0  # seconds that a close waits for threads that still answer

Answer = Callable[[Request], tuple[Reply, float]]


class Server(ThreadingHTTPServer):
    """`answer` gives the reply to a request and the time for its Date header."""

    request_queue_size = 1024
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], answer: Answer, clock: Callable[[], float]
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.answer = answer
        self.clock = clock
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        super().__init__(address, Connection)

    def server_bind(self) -> None:
        """Bind without looking this machine's name up, as HTTPServer would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """End the connections that are kept alive, and wait for their threads."""
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster
            self._changed.wait_for(lambda: not self._open, END_WAIT)


class Connection(BaseHTTPRequestHandler):
    """One client's connection and the requests on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class' name)
        """Requests are logged by `log`, with what they came to."""

    def serve(self) -> None:
        reply, now = self.server.answer(self._request())
        if reply.cut:
            self.close_connection = True
            return
        body = reply.body
        if reply.torn:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(self._head(reply, now) + body)

    do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 (http.server's names)

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        oversized = not length.isdecimal() or int(length) > LARGEST_BODY
        if oversized or "transfer-encoding" in headers:
            self.close_connection = True
            oversized, length = True, "0"
        body = self.rfile.read(int(length))
        target = self.path.encode("latin-1").decode("utf-8", "surrogateescape")
        path, _, query = target.partition("?")
        form: tuple[tuple[str, str], ...] = ()
        if "x-www-form-urlencoded" in headers.get("content-type", "x-www-form-urlencoded"):
            form = pairs(body.decode("utf-8", "surrogateescape"))
        return Request(
            self.command,
            path,
            headers,
            pairs(query),
            form,
            body,
            self.server.clock(),
            oversized,
        )

    def _head(self, reply: Reply, now: float) -> bytes:
        try:
            phrase = HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = {
            "Date": formatdate(now, usegmt=True),
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            **reply.headers,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {reply.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The names and values of a query or a form, byte for byte, empty values kept."""
    return tuple(
        (_decoded(name), _decoded(value))
        for name, _, value in (part.partition("=") for part in text.split("&") if part)
    )


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")

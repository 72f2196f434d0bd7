"""A server on a real socket whose answers a test writes byte by byte."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from worker.providers import sessions
from worker.providers.transport import Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Wire:
    """The server's end of one connection."""

    sock: socket.socket
    stopped: threading.Event
    requests: list[bytes]

    def request(self) -> bytes:
        """Read one request, head and body; empty when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, seconds: float = 0.1) -> None:
        """One byte at a time, until the client or the test has enough."""
        for byte in data:
            self.send(bytes([byte]))
            if self.stopped.wait(seconds):
                return

    def silence(self) -> None:
        self.stopped.wait(20)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@dataclass
class ScriptedServer:
    script: Callable[[Wire], None]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/path"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.settimeout(20)
            if self.tls is None:
                self.script(Wire(sock, self.stopped, self.requests))
                return
            with self.tls.wrap_socket(sock, server_side=True) as wrapped:
                self._open.append(wrapped)
                self.script(Wire(wrapped, self.stopped, self.requests))

    def stop(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


Serve = Callable[..., ScriptedServer]
MakeTransport = Callable[..., Transport]


@pytest.fixture
def make_transport() -> Iterator[MakeTransport]:
    def make(**options: object) -> Transport:
        options = {"call_timeout": 5.0, "user_agent": "order-worker/test", **options}
        return Transport(**options)  # type: ignore[arg-type]

    sessions.close()
    yield make
    sessions.close()


@pytest.fixture
def serve(make_transport: MakeTransport) -> Iterator[Serve]:
    started: list[ScriptedServer] = []

    def start(
        script: Callable[[Wire], None] | bytes = OK, tls: ssl.SSLContext | None = None
    ) -> ScriptedServer:
        def answer(wire: Wire) -> None:
            while wire.request():
                wire.send(script)  # type: ignore[arg-type]

        started.append(ScriptedServer(answer if isinstance(script, bytes) else script, tls))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "certificate.pem").read_text() + (folder / "key.pem").read_text())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context

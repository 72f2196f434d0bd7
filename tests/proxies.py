"""A TCP proxy that can do to a connection what networks do: hang, refuse, swallow, and heal."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65536


class Proxy:
    """Forwards a port of its own to a port of this machine, until it is told otherwise; what it
    forwards comes `delay` seconds later.
    """

    def __init__(self, target: int, delay: float = 0.0) -> None:
        self._target = target
        self._delay = delay
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._knocking: list[socket.socket] = []
        self._flows = threading.Event()  # whether new connections are forwarded
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accept()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.refuse()

    def freeze(self) -> None:
        """What is connected is not forwarded any more, and stays open; new connections pass."""
        with self._lock:
            for link in self._links:
                link.flows.clear()

    def thaw(self) -> None:
        """What was frozen is forwarded again."""
        with self._lock:
            for link in self._links:
                link.flows.set()

    def hang(self) -> None:
        """Nothing is forwarded: who connects is accepted, and never hears a word."""
        self._flows.clear()
        self.freeze()

    def refuse(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._stop_listening()
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.cut()

    def black_hole(self) -> None:
        """Nothing is forwarded, and the kernel drops what knocks: the backlog is full."""
        self.freeze()
        self._stop_listening()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        for _ in range(4):
            knocking = socket.socket()
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", self.port))
            self._knocking.append(knocking)

    def heal(self) -> None:
        """All is forwarded again, also what was frozen."""
        self._stop_listening()
        self._flows.set()
        self.thaw()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        for knocking in self._knocking:
            knocking.close()
        self._knocking.clear()

    def _accept(self) -> None:
        listener = self._listener

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    self._link(near)

        threading.Thread(target=accept, daemon=True).start()

    def _link(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 5.0)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        link = Link(near, far, self._delay)
        if not self._flows.is_set():
            link.flows.clear()
        with self._lock:
            self._links.append(link)
        link.begin()


class Link:
    """One connection through the proxy."""

    def __init__(self, near: socket.socket, far: socket.socket, delay: float) -> None:
        self._ends = (near, far)
        self._delay = delay
        self.flows = threading.Event()
        self.flows.set()

    def begin(self) -> None:
        near, far = self._ends
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def cut(self) -> None:
        self.flows.set()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                time.sleep(self._delay)
                self.flows.wait()
                sink.sendall(data)
        self.flows.wait()  # an end that is closed is not told either
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

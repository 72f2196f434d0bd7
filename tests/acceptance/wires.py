"""HTTP as it goes over the wire, for what no client of HTTP would send."""

import socket
import time
from contextlib import contextmanager, suppress


class Wire:
    def __init__(self, wire):
        self._wire = wire

    def send(self, text):
        self._wire.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))

    def drip(self, text, every, seconds=20.0):
        """Send a text again and again, until the other side has had enough; all that it said."""
        give_up_at = time.monotonic() + seconds
        self._wire.settimeout(every)
        heard = b""
        while time.monotonic() < give_up_at:
            try:
                if not (some := self._wire.recv(2**16)):
                    return heard.decode()
                heard += some
            except TimeoutError:
                with suppress(ConnectionError):
                    self.send(text)
            except ConnectionError:
                return heard.decode()
        raise AssertionError(f"Still open, and said {heard!r}.")

    def rest(self, seconds=20.0):
        """All that is said until the connection is closed."""
        self._wire.settimeout(seconds)
        heard = b""
        with suppress(ConnectionError):  # closed while something of ours was under way
            while some := self._wire.recv(2**16):
                heard += some
        return heard.decode()


@contextmanager
def wire_to(url):
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20.0) as wire:
        yield Wire(wire)

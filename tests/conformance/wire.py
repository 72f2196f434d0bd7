"""A wire to PostgreSQL that counts what goes over it, and can be cut at a word."""

import socket
import threading
import time
from contextlib import contextmanager, suppress

from sqlalchemy import make_url

CHUNK = 65536


class Wire:
    """`url` goes to the same database by way of this process."""

    def __init__(self, url):
        there = make_url(url)
        self._address = (there.host, there.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        here = there.set(host="127.0.0.1", port=self._listener.getsockname()[1])
        self.url = here.render_as_string(hide_password=False)
        self.sent = []  # what the client said in each round trip
        self.latency = 0.0  # seconds until an answer arrives
        self._cut = None
        self._down = False
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, word, *, answered, times=1, then_down=False):
        """Cut the connection that next says `word`: before the server hears it, or when it has
        answered. `then_down`: nobody is connected any more afterwards, until `up`.
        """
        self._cut = [word.encode(), answered, times, then_down]

    def up(self):
        self._down = False

    @contextmanager
    def counting(self):
        """The round trips of the block, in a list that is complete when it ends: what was said
        before an answer arrived was said without waiting for it.
        """
        self.sent, self.latency = [], 0.05
        yield self.sent
        self.latency = 0.0

    def close(self):
        self._listener.close()
        for each in self._open:
            _end(each)

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._down:
                    client.close()
                    continue
                server = socket.create_connection(self._address)
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [client, server]
                link = Link(self, client, server)
                for work in (link.upwards, link.downwards):
                    threading.Thread(target=work, daemon=True).start()

    def is_cut_at(self, said):
        """Whether this connection is to be cut, and whether after the answer."""
        if self._cut is None or self._cut[0] not in said:
            return None
        _word, answered, times, then_down = self._cut
        self._cut[2] = times - 1
        if times == 1:
            self._cut = None
            self._down = then_down
        return answered


class Link:
    def __init__(self, wire, client, server):
        self.wire, self.client, self.server = wire, client, server
        self.answered = True  # the server has spoken since the client last did
        self.cut_at_answer = False

    def upwards(self):
        with suppress(OSError):
            while said := self.client.recv(CHUNK):
                if self.answered:
                    self.wire.sent.append(b"")
                self.answered = False
                self.wire.sent[-1:] = [b"".join([*self.wire.sent[-1:], said])]
                cut = self.wire.is_cut_at(said)
                if cut is False:
                    break
                self.cut_at_answer = self.cut_at_answer or bool(cut)
                self.server.sendall(said)
        self.end()

    def downwards(self):
        with suppress(OSError):
            while said := self.server.recv(CHUNK):
                if self.cut_at_answer:
                    break
                time.sleep(self.wire.latency)
                self.answered = True
                self.client.sendall(said)
        self.end()

    def end(self):
        for each in (self.client, self.server):
            _end(each)


def _end(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

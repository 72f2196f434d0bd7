"""The socket: this machine only, kept alive, closed when told."""

import http.client
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from sandbox_clients import ORDER, SANDBOX, Amazon, encoded, send

from worker.sandbox.server import Sandbox


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])  # noqa: S104
def test_any_host_but_the_loopback_is_refused_with_a_sentence(host):
    with pytest.raises(ValueError, match=r"Use 127\.0\.0\.1"):
        Sandbox([], host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_the_address_is_one_of_this_machine(host):
    with Sandbox([], host=host) as sandbox:
        assert sandbox.url.startswith("http://127.0.0.")
        assert send(sandbox.url, "GET", "/_sandbox/orders").body == b"[]\n"


def test_one_connection_carries_many_requests(amazon, sandbox):
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    target = f"{SANDBOX}?" + encoded(amazon.sign(amazon.parameters("ConfirmOrderReference")))
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", target)
        assert connection.getresponse().read()
        assert connection.sock is first
    connection.close()


def test_a_close_ends_kept_connections_at_once_and_frees_the_port(accounts, clock):
    sandbox = Sandbox(accounts, clock=clock)
    port = urlsplit(sandbox.url).port
    with sandbox, socket.create_connection(("127.0.0.1", port), timeout=5) as idle:
        idle.sendall(b"GET /_sandbox/orders HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536)
        started = time.monotonic()
        sandbox.close()
        assert idle.recv(1) == b""
        assert time.monotonic() - started < 2
    with Sandbox(accounts, clock=clock, port=port) as again:
        assert Amazon(again.url, clock).confirm().code is None


def test_requests_from_many_threads_are_all_counted(amazon, sandbox):
    def ask():
        for _ in range(10):
            amazon.confirm()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    order = sandbox.order(ORDER)
    assert order["accepted"] == {"ConfirmOrderReference": 80}
    assert order["changed"] == {"ConfirmOrderReference": 1}


def test_a_sandbox_that_never_served_can_be_closed_and_frees_its_port(tmp_path):
    sandbox = Sandbox([], log=tmp_path / "log")
    port = urlsplit(sandbox.url).port
    with pytest.raises(OSError, match="in use"):
        Sandbox([], port=port, log=tmp_path / "log")
    sandbox.close()
    Sandbox([], port=port).close()


def test_it_serves_from_the_command_lines_thread_until_closed(accounts, clock):
    sandbox = Sandbox(accounts, clock=clock)
    thread = threading.Thread(target=sandbox.serve_forever)
    thread.start()
    assert Amazon(sandbox.url, clock).confirm().code is None
    sandbox.close()
    thread.join(5)
    assert not thread.is_alive()

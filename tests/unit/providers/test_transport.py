"""The transport against real sockets: what is sent, and when nothing was."""

import socket
import threading
import time

import pytest
from transport_requests import SECRET, answer, failure, free_port, post

from worker.providers import sessions
from worker.providers.transport import HttpRequest, NotSent


def test_the_request_goes_out_as_signed_and_the_answer_comes_back(serve, make_transport):
    server = serve(answer(b"<ok/>", "X-Mws-Request-Id: 7\r\n"))
    url = f"{server.url}/a%2Fb?x=%2A%7E&y=~"
    reply = make_transport().send(HttpRequest("POST", url, {"X-Test": "yes"}, b"a=%20"))
    assert reply.status == 200
    assert reply.body == b"<ok/>"
    assert reply.complete
    assert reply.headers["x-mws-request-id"] == "7"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path/a%2Fb?x=%2A%7E&y=~ HTTP/1.1\r\n")
    assert b"\r\nUser-Agent: order-worker/test" in head
    assert b"\r\nX-Test: yes" in head
    assert body == b"a=%20"


def test_a_redirect_is_an_answer_and_is_not_followed(serve, make_transport):
    body = b"x" * 100_000
    server = serve(answer(body, "Location: /elsewhere\r\n", "302 Found"))
    reply = make_transport(max_body=10).send(post(server.url))
    assert reply.status == 302
    assert reply.headers["location"] == "/elsewhere"
    assert (reply.body, reply.complete) == (b"x" * 10, False)
    assert len(server.requests) == 1


def test_a_503_is_an_answer_and_is_not_repeated(serve, make_transport):
    server = serve(answer(b"busy", "Retry-After: 1\r\n", "503 Slow Down"))
    assert make_transport().send(post(server.url)).status == 503
    assert len(server.requests) == 1


def test_cookies_are_not_kept(serve, make_transport):
    server = serve(answer(b"", "Set-Cookie: session=1\r\n"))
    transport = make_transport()
    for _ in range(2):
        transport.send(post(server.url))
    assert b"cookie" not in server.requests[1].lower()
    assert not sessions.session(None).cookies


def test_proxies_and_credentials_of_the_environment_are_ignored(
    serve, make_transport, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = serve()
    transport = make_transport()
    assert transport.send(post(server.url)).status == 200
    assert b"authorization" not in server.requests[0].lower()
    assert not sessions.session(None).trust_env, "it would look them up on every call"


def test_a_configured_proxy_is_used(serve, make_transport):
    proxy = serve()
    reply = make_transport(proxy=f"http://127.0.0.1:{proxy.port}").send(
        HttpRequest("GET", "http://provider.invalid/path?x=1")
    )
    assert reply.body == b"ok"
    assert proxy.requests[0].startswith(b"GET http://provider.invalid/path?x=1 HTTP/1.1\r\n")


def test_sent_is_called_after_the_request_left_and_before_the_answer_is_read(serve, make_transport):
    arrived, called = threading.Event(), threading.Event()
    had_arrived = []

    def script(wire):
        wire.request()
        arrived.set()
        called.wait(5)  # no answer before
        wire.send(answer(b"ok"))

    def on_sent():
        had_arrived.append(arrived.wait(5))
        called.set()

    assert make_transport(on_sent=on_sent).send(post(serve(script).url)).body == b"ok"
    assert had_arrived == [True]


def test_a_refused_connection_sends_nothing(make_transport):
    error = failure(make_transport(), post(f"http://127.0.0.1:{free_port()}/"))
    assert isinstance(error, NotSent)
    assert str(error) == "127.0.0.1: connection refused before anything was sent"


def test_a_host_that_does_not_resolve_sends_nothing(make_transport):
    error = failure(make_transport(), post("http://provider.invalid/"))
    assert isinstance(error, NotSent)
    assert str(error) == "provider.invalid: name resolution failed before anything was sent"


def test_a_resolver_that_hangs_does_not_hold_the_call(make_transport, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(2))
    started = time.monotonic()
    error = failure(make_transport(call_timeout=0.3), post("http://provider.invalid/"))
    assert isinstance(error, NotSent)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "url", ["http://", "http://[bad/", "ftp://127.0.0.1/", f"http://{'a' * 70}/"]
)
def test_an_address_that_cannot_be_called_sends_nothing(make_transport, url):
    assert isinstance(failure(make_transport(), HttpRequest("GET", url)), NotSent)


def test_a_connection_that_is_not_accepted_ends_at_the_connect_time_out(make_transport):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]  # the kernel drops what exceeds the backlog
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            started = time.monotonic()
            error = failure(
                make_transport(connect_timeout=0.3), post(f"http://127.0.0.1:{address[1]}/")
            )
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(error, NotSent)
    assert "time-out" in str(error)
    assert time.monotonic() - started < 2


def test_a_proxy_that_refuses_the_tunnel_was_sent_nothing_of_the_request(serve, make_transport):
    proxy = serve(answer(b"", status="407 Proxy Authentication Required"))
    transport = make_transport(proxy=f"http://user:{SECRET}@127.0.0.1:{proxy.port}")
    error = failure(transport, post("https://provider.invalid/"))
    assert isinstance(error, NotSent)
    assert proxy.requests[0].startswith(b"CONNECT provider.invalid:443")
    assert len(proxy.requests) == 1

"""The transport against real sockets: what came back, whether anything left, how long it took."""

import gzip
import logging
import os
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from worker.providers.transport import HttpReply, HttpRequest, NoAnswer, NotSent, Transport

SECRET = "S3cr3tSignature"


def post(url: str, body: bytes = b"a=1") -> HttpRequest:
    return HttpRequest(
        "POST", f"{url}?Signature={SECRET}", {"X-Test": "yes"}, body + SECRET.encode()
    )


def answer(body: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def failure(transport: Transport, request: HttpRequest) -> NotSent | NoAnswer:
    with pytest.raises((NotSent, NoAnswer)) as caught:
        transport.send(request)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None, "a chained exception would quote the signed address"
    assert SECRET not in repr(error)
    return error


# --- what is sent and read -------------------------------------------------------------------


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
    assert not transport._session()[0].cookies


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
    assert not transport._session()[0].trust_env, "it would look them up on every call"


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


# --- nothing was sent ------------------------------------------------------------------------


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


# --- sent, and no answer ---------------------------------------------------------------------


def test_a_reset_after_the_request_is_no_answer(serve, make_transport):
    def script(wire):
        wire.request()
        wire.reset()

    error = failure(make_transport(), post(serve(script).url))
    assert isinstance(error, NoAnswer)
    assert str(error) == "127.0.0.1: the connection was lost after the request was sent"


def test_a_close_after_the_request_is_no_answer(serve, make_transport):
    error = failure(make_transport(), post(serve(lambda wire: wire.request()).url))
    assert isinstance(error, NoAnswer)
    assert "closed without an answer" in str(error)


def test_an_answer_that_is_not_http_is_no_answer(serve, make_transport):
    assert isinstance(failure(make_transport(), post(serve(b"220 mail\r\n").url)), NoAnswer)


def silent(wire):
    wire.request()
    wire.silence()


def dripping_status_line(wire):
    wire.request()
    wire.drip(b"HTTP/1.1 200 " + b"O" * 200)


@pytest.mark.parametrize("script", [silent, dripping_status_line])
def test_a_call_without_a_status_line_ends_at_its_time_out(serve, make_transport, script):
    started = time.monotonic()
    error = failure(make_transport(call_timeout=0.5), post(serve(script).url))
    assert isinstance(error, NoAnswer)
    assert str(error) == "127.0.0.1: time-out after the request was sent"
    assert 0.4 < time.monotonic() - started < 1.5


def test_a_server_that_does_not_read_the_request_ends_at_the_time_out(serve, make_transport):
    started = time.monotonic()
    server = serve(lambda wire: wire.silence())
    error = failure(make_transport(call_timeout=0.5), post(server.url, b"x" * 30_000_000))
    assert isinstance(error, NoAnswer)
    assert time.monotonic() - started < 2


def test_a_server_that_reads_the_request_slowly_ends_at_the_time_out(serve, make_transport):
    def script(wire):
        while not wire.stopped.wait(0.1):
            wire.sock.recv(65536)

    started = time.monotonic()
    error = failure(make_transport(call_timeout=0.5), post(serve(script).url, b"x" * 30_000_000))
    assert isinstance(error, NoAnswer)
    assert time.monotonic() - started < 2


def test_a_reused_connection_that_is_cut_after_the_request_is_no_answer(serve, make_transport):
    def script(wire):
        wire.request()
        wire.send(answer(b"ok"))
        wire.request()
        wire.reset()

    server = serve(script)
    transport = make_transport()
    transport.send(post(server.url))
    assert isinstance(failure(transport, post(server.url)), NoAnswer)
    assert (server.connections, len(server.requests)) == (1, 2)


# --- a status line came ----------------------------------------------------------------------


def partial_answer(serve, make_transport, script, **options) -> HttpReply:
    started = time.monotonic()
    reply = make_transport(call_timeout=0.5, **options).send(post(serve(script).url))
    assert time.monotonic() - started < 1.5
    assert not reply.complete
    return reply


def after_request(data: bytes, then=lambda wire: None):
    def script(wire):
        wire.request()
        wire.send(data)
        then(wire)

    return script


def test_dripping_header_lines_leave_the_status(serve, make_transport):
    script = after_request(b"HTTP/1.1 503 Busy\r\n", lambda wire: wire.drip(b"X-A: " + b"a" * 200))
    reply = partial_answer(serve, make_transport, script)
    assert (reply.status, reply.body) == (503, b"")


def test_a_dripping_body_is_cut_at_the_time_out(serve, make_transport):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    reply = partial_answer(
        serve, make_transport, after_request(head, lambda wire: wire.drip(b"b" * 1000))
    )
    assert reply.status == 200
    assert set(reply.body) == {ord("b")}
    assert len(reply.body) < 20


def test_dripping_chunks_are_cut_at_the_time_out(serve, make_transport):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = partial_answer(
        serve,
        make_transport,
        after_request(head, lambda wire: wire.drip(b"1\r\nc\r\n" * 200, 0.02)),
    )
    assert set(reply.body) == {ord("c")}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nonly this", id="too short"),
        pytest.param(
            b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
            id="no last chunk",
        ),
        pytest.param(
            b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\nzz\r\n",
            id="not a chunk size",
        ),
    ],
)
def test_a_body_cut_short_is_not_complete(serve, make_transport, data):
    reply = partial_answer(serve, make_transport, after_request(data))
    assert (reply.status, reply.body) == (500, b"only this")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 500 Oops\r\nContent-Length: 1, 2\r\n\r\nab", id="two lengths"),
        pytest.param(b"HTTP/1.1 500 Oops\r\n" + b"A: b\r\n" * 200 + b"\r\n", id="200 headers"),
        pytest.param(
            b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\nabcd",
            id="not gzip",
        ),
    ],
)
def test_an_answer_that_cannot_be_read_still_has_its_status(serve, make_transport, data):
    reply = partial_answer(serve, make_transport, after_request(data))
    assert (reply.status, reply.body) == (500, b"")


def test_a_reset_inside_the_body_is_not_complete(serve, make_transport):
    def cut(wire):
        time.sleep(0.1)  # let the client read first: a reset discards what it has not
        wire.reset()

    head = b"HTTP/1.1 200 OK\r\n\r\nhalf"
    reply = partial_answer(serve, make_transport, after_request(head, cut))
    assert reply.body == b"half"


@pytest.mark.parametrize("size", [1000, 1001, 5_000_000])
def test_a_body_is_kept_up_to_the_limit(serve, make_transport, size):
    server = serve(answer(b"x" * size))
    reply = make_transport(max_body=1000).send(post(server.url))
    assert reply.body == b"x" * min(size, 1000)
    assert reply.complete == (size <= 1000)


def test_a_compressed_body_is_limited_as_it_unfolds(serve, make_transport):
    server = serve(answer(gzip.compress(b"\0" * 200_000_000), "Content-Encoding: gzip\r\n"))
    reply = make_transport(max_body=1000).send(post(server.url))
    assert (reply.body, reply.complete) == (b"\0" * 1000, False)


def test_a_compressed_body_is_unfolded(serve, make_transport):
    server = serve(answer(gzip.compress(b"<ok/>"), "Content-Encoding: gzip\r\n"))
    assert make_transport().send(post(server.url)).body == b"<ok/>"


def test_no_log_line_quotes_the_signed_address_or_the_body(serve, make_transport, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nnot a header\r\n\r\nok")
    assert make_transport().send(post(server.url)).status == 200
    assert "Failed to parse headers" in caplog.text, "the test has to meet the line it is about"
    assert SECRET not in caplog.text
    assert "/path" not in caplog.text


# --- connections -----------------------------------------------------------------------------


def test_a_connection_is_used_again(serve, make_transport):
    server = serve()
    transport = make_transport()
    for _ in range(3):
        assert transport.send(post(server.url)).body == b"ok"
    assert server.connections == 1


def test_a_connection_that_was_idle_for_the_limit_is_not_used_again(serve, make_transport):
    server = serve()
    transport = make_transport()
    transport._idle_limit = 0.2
    transport.send(post(server.url))
    transport.send(post(server.url))
    time.sleep(0.3)
    transport.send(post(server.url))
    assert server.connections == 2


def test_the_idle_limit_is_five_seconds(make_transport):
    assert make_transport()._idle_limit == 5.0


def test_a_connection_that_the_server_closed_is_not_used_again(serve, make_transport):
    def script(wire):
        wire.request()
        wire.send(answer(b"ok"))

    server = serve(script)
    transport = make_transport()
    transport.send(post(server.url))
    time.sleep(0.1)
    assert transport.send(post(server.url)).body == b"ok"
    assert server.connections == 2


def test_an_unfinished_answer_costs_its_connection(serve, make_transport):
    server = serve(answer(b"x" * 200_000))
    transport = make_transport(max_body=10)
    transport.send(post(server.url))
    transport.send(post(server.url))
    assert server.connections == 2


def test_a_forked_child_opens_its_own_connection(serve, make_transport):
    server = serve()
    transport = make_transport()
    transport.send(post(server.url))
    child = os.fork()
    if child == 0:
        os._exit(0 if transport.send(post(server.url)).body == b"ok" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert transport.send(post(server.url)).body == b"ok"
    assert server.connections == 2


# --- TLS -------------------------------------------------------------------------------------


def test_https_with_a_configured_authority(serve, make_transport, server_tls, certificate: Path):
    server = serve(answer(b"ok"), tls=server_tls)
    transport = make_transport(ca_bundle=str(certificate))
    for _ in range(2):
        assert transport.send(post(server.url)).body == b"ok"
    assert server.connections == 1


def test_an_unknown_authority_is_refused_before_anything_is_sent(serve, make_transport, server_tls):
    server = serve(answer(b"ok"), tls=server_tls)
    error = failure(make_transport(), post(server.url))
    assert isinstance(error, NotSent)
    assert "certificate is not trusted" in str(error)
    assert server.requests == []


def test_a_certificate_of_another_host_is_refused(
    serve, make_transport, server_tls, certificate: Path
):
    server = serve(answer(b"ok"), tls=server_tls)
    url = f"https://localhost:{server.port}/"
    error = failure(make_transport(ca_bundle=str(certificate)), post(url))
    assert isinstance(error, NotSent)
    assert server.requests == []


def test_a_tls_handshake_that_hangs_sends_nothing(serve, make_transport):
    server = serve(lambda wire: wire.silence())
    started = time.monotonic()
    error = failure(make_transport(call_timeout=0.5), post(f"https://127.0.0.1:{server.port}/"))
    assert isinstance(error, NotSent)
    assert time.monotonic() - started < 1.5


def test_a_dripping_body_over_tls_is_cut_at_the_time_out(
    serve, make_transport, server_tls: ssl.SSLContext, certificate: Path
):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    server = serve(after_request(head, lambda wire: wire.drip(b"b" * 1000)), tls=server_tls)
    started = time.monotonic()
    reply = make_transport(call_timeout=0.5, ca_bundle=str(certificate)).send(post(server.url))
    assert not reply.complete
    assert time.monotonic() - started < 1.5


def test_a_tunnel_through_a_proxy_reaches_the_provider(
    serve, make_transport, server_tls, certificate: Path
):
    def tunnel(wire):
        head = b""
        while b"\r\n\r\n" not in head:
            head += wire.sock.recv(1)
        wire.requests.append(head)
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with server_tls.wrap_socket(wire.sock.dup(), server_side=True) as inner:
            wire.sock = inner
            wire.request()
            wire.send(answer(b"through"))

    proxy = serve(tunnel)
    reply = make_transport(proxy=f"http://127.0.0.1:{proxy.port}", ca_bundle=str(certificate)).send(
        post("https://127.0.0.1:8443/path")
    )
    assert reply.body == b"through"
    assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:8443")
    assert proxy.requests[1].startswith(b"POST /path?")

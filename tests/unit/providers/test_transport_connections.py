"""The transport against real sockets: which connections are used again, and TLS."""

import os
import ssl
import time
from pathlib import Path

from transport_requests import after_request, answer, failure, post

from worker.providers import sessions
from worker.providers.transport import NotSent


def test_a_connection_is_used_again(serve, make_transport):
    server = serve()
    transport = make_transport()
    for _ in range(3):
        assert transport.send(post(server.url)).body == b"ok"
    assert server.connections == 1


def test_sellers_share_the_connections_of_a_thread(serve, make_transport, certificate):
    server = serve()
    for _ in range(3):
        assert make_transport(user_agent="another seller").send(post(server.url)).body == b"ok"
    assert server.connections == 1
    make_transport(ca_bundle=str(certificate)).send(post(server.url))
    assert server.connections == 2  # who trusts others has its own


def test_a_connection_that_was_idle_for_the_limit_is_not_used_again(
    serve, make_transport, monkeypatch
):
    monkeypatch.setattr(sessions, "IDLE_LIMIT", 0.2)
    server = serve()
    transport = make_transport()
    transport.send(post(server.url))
    transport.send(post(server.url))
    time.sleep(0.3)
    transport.send(post(server.url))
    assert server.connections == 2


def test_the_idle_limit_is_five_seconds():
    assert sessions.IDLE_LIMIT == 5.0


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

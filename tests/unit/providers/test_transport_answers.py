"""The transport against real sockets: answers that are late, cut, too large, or never come."""

import gzip
import logging
import time

import pytest
from transport_requests import SECRET, after_request, answer, failure, post

from worker.providers.transport import HttpReply, NoAnswer


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


def partial_answer(serve, make_transport, script, **options) -> HttpReply:
    started = time.monotonic()
    reply = make_transport(call_timeout=0.5, **options).send(post(serve(script).url))
    assert time.monotonic() - started < 1.5
    assert not reply.complete
    return reply


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

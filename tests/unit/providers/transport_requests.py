"""Requests with a secret to look for, and answers as they stand on the wire."""

import socket

import pytest

from worker.providers.transport import HttpRequest, NoAnswer, NotSent, Transport

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


def after_request(data: bytes, then=lambda wire: None):
    def script(wire):
        wire.request()
        wire.send(data)
        then(wire)

    return script

"""How much one request may bring, and how long it may take to: before anybody looks at it."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.web.problems import Problem

LARGEST = 2**20  # bytes of a body


class Bounds:
    """Reads the body first, so that no handler and no thread waits for a slow sender."""

    def __init__(self, app: ASGIApp, seconds: float, largest: int = LARGEST) -> None:
        self._app = app
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(Headers(scope=scope), receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is None:  # whoever asked has gone
            return
        # Also of an empty one: it has been received, and will not come once more.
        brought: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return brought.pop() if brought else await receive()

        await self._app(scope, replay, send)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Empty where none is sent. Raises Problem for one that is too large or too slow."""
        length = headers.get("content-length", "0")
        chunked = "transfer-encoding" in headers
        if not chunked and not int(length):  # uvicorn refuses what is no number
            return b""
        if not chunked and int(length) > self._largest:
            raise self._too_large()
        found = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    found += message.get("body", b"")
                    if len(found) > self._largest:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return bytes(found)
        except TimeoutError:
            sentence = f"The body was not here within {self._seconds:g} seconds."
            raise Problem(408, sentence, headers={"Connection": "close"}) from None

    def _too_large(self) -> Problem:
        sentence = f"The body has more than {self._largest} bytes: ask in several requests."
        return Problem(413, sentence, headers={"Connection": "close"})

"""A connection whose request has to come within a time, from its first letter to the end of its
head: whoever sends it drop by drop would hold one of the places that there are. uvicorn bounds the
time between two requests alone, `bounds` that of a body.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.web.problems import MEDIA_TYPE, Problem

Timer = asyncio.TimerHandle | None


class Connection(H11Protocol):
    """`head_within`: seconds for a head, counted from the connection or from its first letter."""

    def __init__(self, *args: Any, head_within: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_within = head_within
        self._late: Timer = None
        self._has_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._has_begun = self._waits_for_head()
        if self._has_begun:
            self._expect_head()
        else:
            self._expect_nothing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        """Once for each: what has come of it so far gives no more time to the rest."""
        if self._late is None:
            self._late = self.loop.call_later(self._head_within, self._give_up)

    def _expect_nothing(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        if self._has_begun and not self.transport.is_closing():
            self.transport.write(_too_slow(self._head_within))
        self.transport.close()


def _too_slow(seconds: float) -> bytes:
    sentence = f"The head of the request was not here within {seconds:g} seconds."
    body = json.dumps(Problem(408, sentence).document()).encode()
    head = (
        "HTTP/1.1 408 Request Timeout",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join([*head, "", ""]).encode() + body

"""What a dispatcher sleeps by: it wakes when another connection has changed the ledger.

SQLite is asked for its `data_version`, PostgreSQL tells who listens. Both are only a wake-up:
whoever misses one looks again by itself.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

CHANNEL = "order_worker"
LOOK_SECONDS = 0.02  # how soon a dispatcher sees what another process wrote to SQLite
STOP_SECONDS = 0.2  # how soon one that listens sees that it is to stop


class Changes(Protocol):
    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after `seconds`, at a change, or when `stop` is set."""
        ...


class Versions:
    """`version` is cheap to ask, and changes with the database."""

    def __init__(self, version: Callable[[], int]) -> None:
        self._version = version
        self._seen = version()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set():
            version = self._version()
            left = until - time.monotonic()
            if version != self._seen or left <= 0:
                self._seen = version
                return
            stop.wait(min(left, LOOK_SECONDS))


class Notices:
    """`connection` is psycopg's own, in autocommit, and listens to `CHANNEL`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set():
            left = max(0.0, until - time.monotonic())
            heard = list(self._connection.notifies(timeout=min(left, STOP_SECONDS), stop_after=1))
            if heard or left <= STOP_SECONDS:
                return

"""What a dispatcher sleeps by: it wakes when another connection has changed the ledger.

SQLite is asked for its `data_version`, PostgreSQL tells who listens. Both are only a wake-up:
whoever misses one looks again by itself.
"""

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from worker import forks
from worker.ledger import writes

CHANNEL = "order_worker"
EVERYBODY = ""
LOOK_SECONDS = 0.02  # how soon a dispatcher sees what another process wrote to SQLite
LIVELY, LIVELY_SECONDS = 0.2, 0.004  # and so long after a change, while slots become free
STOP_SECONDS = 0.5  # how soon one that listens sees that it is to stop
QUIET_AFTER = 2.0  # seconds after a write, which is longer than its sync to disk takes


class Changes(Protocol):
    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after `seconds`, at a change, or when `stop` is set."""
        ...


class Versions:
    """`version` is cheap to ask, and changes with the database. `written` waits up to so many
    seconds until somebody writes to it, and says whether; a commit is seen a moment later.

    An idle process that woke fifty times a second would use a hundredth of a CPU for that alone.
    """

    def __init__(
        self, version: Callable[[], int], written: Callable[[float], bool] | None = None
    ) -> None:
        self._version = version
        self._written = written
        self._seen = version()
        self._busy_until = time.monotonic() + QUIET_AFTER
        self._lively_until = 0.0

    def wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set():
            version = self._version()
            now = time.monotonic()
            left = until - now
            if version != self._seen:
                self._seen, self._lively_until = version, now + LIVELY
                return
            if left <= 0:
                return
            if now < self._lively_until:
                stop.wait(min(left, LIVELY_SECONDS))
            elif self._written is None or now < self._busy_until:
                stop.wait(min(left, LOOK_SECONDS))
            elif self._written(min(left, STOP_SECONDS)):
                self._busy_until = time.monotonic() + QUIET_AFTER


class Notices:
    """`connection` is psycopg's own, in autocommit, and listens to `CHANNEL`: for what is said to
    everybody, and to `worker` or a child of its pool, whose name begins with the worker's.
    """

    def __init__(self, connection: Any, worker: str) -> None:
        self._connection = connection
        self._worker = worker
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set():
            left = max(0.0, until - time.monotonic())
            comes = self._poll.poll(min(left, STOP_SECONDS) * 1000.0)
            # All that has come: one look is enough for it.
            heard = list(self._connection.notifies(timeout=0.0)) if comes else []
            if any(map(self._is_of_interest, heard)) or time.monotonic() >= until:
                return

    def _is_of_interest(self, notice: Any) -> bool:
        worker: str = notice.payload
        return worker == EVERYBODY or worker.startswith(self._worker)


@contextmanager
def versions(engine: Engine) -> Iterator[Versions]:
    """Of an SQLite file, by a connection of one's own."""
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None  # noqa: S101 - the connection is open

        def version() -> int:
            with forks.held_off():  # SQLite's locks are the process'
                return int(raw.execute("PRAGMA data_version").fetchone()[0])

        version()  # from now on its log is there
        with writes.to(f"{engine.url.database}-wal") as written:
            yield Versions(version, written)


@contextmanager
def notices(engine: Engine, worker: str) -> Iterator[Notices]:
    """Of a PostgreSQL database, by a connection of one's own. Raises DBAPIError."""
    with engine.connect() as connection:
        listening = connection.execution_options(isolation_level="AUTOCOMMIT")
        listening.exec_driver_sql(f"LISTEN {CHANNEL}")
        raw: Any = listening.connection.dbapi_connection
        try:
            yield Notices(raw, worker)
        except raw.OperationalError as error:  # it waits below SQLAlchemy
            raise OperationalError(None, None, error) from error
        finally:
            listening.invalidate()  # closed: it would go on listening in the pool

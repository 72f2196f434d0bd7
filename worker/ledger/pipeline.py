"""Statements that travel together: a transaction on PostgreSQL in a few round trips.

`execute` only queues. What is queued is sent, in its sequence and as one pipeline, when the
first of the answers is asked for, and the last of it with the COMMIT. A verb reads as if it
did one statement after the other, and each statement does see what the one before it has waited
for; whoever asks several questions before he looks at the first answer pays one round trip.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError

from worker.ledger.driver import prepared


class Answer:
    """What a statement came to; asking for it sends what is queued."""

    def __init__(self, pipeline: "Pipeline", sql: str, values: Mapping[str, Any]) -> None:
        self._pipeline = pipeline
        self.sql = sql
        self._values = values
        self._cursor: Any = None
        self._result: Any = None
        self._rowcount = -1

    @property
    def rowcount(self) -> int:
        self._come()
        return self._rowcount

    def __getattr__(self, name: str) -> Any:
        return getattr(self._come(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._come())

    def _come(self) -> Any:
        if self._result is None:
            self._pipeline.send()
        return self._result

    def ask(self, raw: Any) -> None:
        self._cursor = raw.cursor()
        self._cursor.execute(self.sql, *([self._values] if self._values else []))

    def read(self) -> None:
        names = [column.name for column in self._cursor.description or ()]
        rows = self._cursor.fetchall() if names else []
        self._rowcount = self._cursor.rowcount
        self._result = IteratorResult(SimpleResultMetaData(names), iter(rows))
        self._cursor.close()


BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # a statement sees what its locks waited for


class Pipeline:
    """A SQLAlchemy connection to psycopg, in autocommit: the transaction is begun and committed
    here, in the first pipeline and in the last. (psycopg's own BEGIN would be waited for.)
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queued = [Answer(self, BEGIN, {})]
        self._manager: Any = None  # of psycopg's mode
        self._opened: Any = None
        self._foreseen: list[tuple[Executable, Mapping[str, Any], Answer]] = []

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:
        """Queue a statement; at once only what cannot be queued: lists, of values or of rows."""
        for number, (foreseen, given, answer) in enumerate(self._foreseen):
            if foreseen is statement and given == (parameters or {}):
                del self._foreseen[number]
                return answer
        if isinstance(parameters, Mapping | None):
            sql, values = prepared(statement, self._connection.dialect, parameters or {})
            if sql is not None:
                self._queued.append(Answer(self, sql, values))
                return self._queued[-1]
        self._send_alone()
        return self._connection.execute(statement, parameters)

    def foresee(self, statement: Executable, parameters: Mapping[str, Any]) -> None:
        """Queue now what will be executed later in this transaction, word for word; what is
        written in between must not change its answer.
        """
        answer = self.execute(statement, parameters)
        self._foreseen.append((statement, parameters, answer))

    def forget_foreseen(self) -> None:
        self._foreseen = []

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """A part that may fail by itself: it is sent by itself."""
        self._send_alone()
        with self._connection.begin_nested():
            yield
            self._send_alone()

    def __getattr__(self, name: str) -> Any:
        self._send_alone()
        return getattr(self._connection, name)

    def close(self) -> None:
        """Give the connection back as it was, or not at all."""
        if self._opened is not None and not self._has_left():
            self._connection.invalidate()

    def _has_left(self) -> bool:
        """Leave psycopg's mode after an error; False if the connection is of no more use: the
        server's last words may have come before the end of the connection is seen.
        """
        raw: Any = self._connection.connection.dbapi_connection
        with suppress(raw.Error):
            self._leave()
        return not raw.closed and not raw.info.pipeline_status

    def _send_alone(self) -> None:
        """Before what cannot be pipelined."""
        self.send()
        with self._judged("Sync"):
            self._leave()

    def _enter(self, raw: Any) -> None:
        """Psycopg stays in its mode until the end: it leaves by a Flush behind the Sync, and the
        server would no longer see that a transaction stands still.
        """
        if self._opened is None:
            self._manager = raw.pipeline()
            self._opened = self._manager.__enter__()

    def _leave(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._manager.__exit__(None, None, None)

    def send(self, *, commit: bool = False) -> None:
        """Send what is queued, and read all that it comes to. Raises DBAPIError."""
        queued, self._queued = self._queued, []
        if not queued and not commit:
            return
        raw: Any = self._connection.connection.dbapi_connection
        with self._judged("; ".join(answer.sql for answer in queued) or "COMMIT"):
            self._enter(raw)
            for answer in queued:
                answer.ask(raw)
            if commit:
                raw.cursor().execute("COMMIT")  # its own method would wait once more
                self._leave()
            else:
                self._opened.sync()
        for answer in queued:
            answer.read()

    @contextmanager
    def _judged(self, said: str) -> Iterator[None]:
        """The driver's errors as SQLAlchemy's, and a lost connection given up."""
        raw: Any = self._connection.connection.dbapi_connection
        try:
            yield
        except raw.Error as error:
            lost = not self._has_left()
            if lost:  # and with it, perhaps, whatever else the pool holds
                self._connection.engine.dispose()
                self._connection.invalidate(error)
            said_first = error.__context__  # before the mode could not be left
            error = said_first if isinstance(said_first, raw.Error) else error
            raise DBAPIError.instance(
                said,
                None,
                error,
                raw.Error,
                hide_parameters=True,
                connection_invalidated=lost,
                dialect=self._connection.dialect,
            ) from error

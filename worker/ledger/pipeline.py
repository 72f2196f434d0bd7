"""Statements that travel together: a transaction on PostgreSQL in a few round trips.

`execute` only queues. What is queued is sent, in its sequence and as one pipeline, when the
first of the answers is asked for, and the last of it with the COMMIT. A verb reads as if it
did one statement after the other, and each statement does see what the one before it has waited
for; whoever asks several questions before he looks at the first answer pays one round trip.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
        self._pipeline.send()
        return self._rowcount

    def __getattr__(self, name: str) -> Any:
        self._pipeline.send()
        return getattr(self._result, name)

    def __iter__(self) -> Iterator[Any]:
        self._pipeline.send()
        return iter(self._result)

    def ask(self, raw: Any) -> None:
        self._cursor = raw.cursor()
        self._cursor.execute(self.sql, *([self._values] if self._values else []))

    def read(self) -> None:
        names = [column.name for column in self._cursor.description or ()]
        rows = self._cursor.fetchall() if names else []
        self._rowcount = self._cursor.rowcount
        self._result = IteratorResult(SimpleResultMetaData(names), iter(rows))
        self._cursor.close()


class Pipeline:
    """A SQLAlchemy connection to psycopg, within its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queued: list[Answer] = []

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:
        """Queue a statement; at once only what cannot be queued: lists, of values or of rows."""
        if isinstance(parameters, Mapping | None):
            sql, values = prepared(statement, self._connection.dialect, parameters or {})
            if sql is not None:
                self._queued.append(Answer(self, sql, values))
                return self._queued[-1]
        self.send()
        return self._connection.execute(statement, parameters)

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """A part that may fail by itself: it is sent by itself."""
        self.send()
        with self._connection.begin_nested():
            yield
            self.send()

    def __getattr__(self, name: str) -> Any:
        self.send()
        return getattr(self._connection, name)

    def send(self, *, commit: bool = False) -> None:
        """Send what is queued, and read all that it comes to. Raises DBAPIError."""
        queued, self._queued = self._queued, []
        if not queued and not commit:
            return
        raw: Any = self._connection.connection.dbapi_connection
        try:
            with raw.pipeline():
                for answer in queued:
                    answer.ask(raw)
                if commit:
                    raw.commit()
        except raw.Error as error:
            lost = bool(raw.closed)
            if lost:  # and with it, perhaps, whatever else the pool holds
                self._connection.engine.dispose()
                self._connection.invalidate(error)
            said = "; ".join(answer.sql for answer in queued) or "COMMIT"
            raise DBAPIError.instance(
                said,
                None,
                error,
                raw.Error,
                hide_parameters=True,
                connection_invalidated=lost,
                dialect=self._connection.dialect,
            ) from error
        for answer in queued:
            answer.read()

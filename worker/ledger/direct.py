"""A connection to sqlite3 whose statements go straight to the driver, within one transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import DBAPIError

from worker.ledger import engines
from worker.ledger.compiled import SQLITE, compiled

BEGUN = {"order_worker_begun": True}  # an engine's option: the transaction is begun already


class Direct:
    """What is not executed here (lists, of values or of rows, and parts that may fail by
    themselves) is done by SQLAlchemy, on the same connection.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pooled = engine.raw_connection()
        self._raw: Any = self._pooled.dbapi_connection
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's, in the transaction that is under way."""
        if self._connection is None:
            self._connection = Connection(self._engine.execution_options(**BEGUN), self._pooled)
            self._connection.begin()
        return self._connection

    @property
    def in_transaction(self) -> bool:
        """SQLite ends one by itself where the disk is full, or fails."""
        return bool(self._raw.in_transaction)

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:
        if isinstance(parameters, Mapping | None):
            given = parameters or {}
            known = compiled(statement, SQLITE, given)
            if not known.is_variable:
                with self._judged(known.sql):
                    cursor = self._raw.execute(known.sql, known.values(given))
                    rows = cursor.fetchall()
                names = (column[0] for column in cursor.description or ())
                return known.found(names, rows, cursor.rowcount)
        return self.connection.execute(statement, parameters)

    def begin_to_write(self) -> None:
        """Wait for the single writer's lock. Raises DBAPIError."""
        engines.begin_to_write(self._raw, self.say)

    def say(self, sql: str) -> None:
        """BEGIN, COMMIT and the like. Raises DBAPIError."""
        with self._judged(sql):
            self._raw.execute(sql)

    def close(self) -> None:
        """Give the connection back, what is not committed rolled back."""
        (self._connection or self._pooled).close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    @contextmanager
    def _judged(self, sql: str) -> Iterator[None]:
        """The driver's errors as SQLAlchemy's."""
        try:
            yield
        except self._raw.Error as error:
            raise DBAPIError.instance(
                sql, None, error, self._raw.Error, hide_parameters=True, dialect=SQLITE
            ) from error

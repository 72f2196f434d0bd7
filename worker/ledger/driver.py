"""A driver's own connection, spoken to with SQLAlchemy's statements.

The caller's connection is only asked for a cursor, so that its transaction stays the caller's.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Dialect, Executable

from worker.ledger.compiled import compiled


class Driver:
    """`cursor` makes a cursor on the caller's connection, its rows plain tuples."""

    def __init__(self, dialect: Dialect, cursor: Callable[[], Any]) -> None:
        self._dialect = dialect
        self._cursor = cursor

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:
        """One execution, all of its rows read and its cursor closed. Raises the driver's errors."""
        given = parameters or {}
        known = compiled(statement, self._dialect, given)
        values = known.values(given)
        with closing(self._cursor()) as cursor:
            cursor.execute(known.sql, *([values] if values else []))
            names = [column[0] for column in cursor.description or ()]
            return known.found(names, cursor.fetchall() if names else [], cursor.rowcount)

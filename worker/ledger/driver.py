"""A driver's own connection, spoken to with SQLAlchemy's statements.

The statements and column types of the ledger stay the only description of its rows; the
caller's connection is only asked for a cursor, so that its transaction stays the caller's.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import closing
from enum import Enum
from typing import Any

from sqlalchemy import Dialect, Executable, Result
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData

# The style is the driver's: psycopg and Django's cursors take %(name)s, sqlite3 takes :name.
POSTGRESQL: Dialect = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
SQLITE: Dialect = sqlite.dialect(paramstyle="named")
DJANGOS_SQLITE: Dialect = sqlite.dialect(paramstyle="pyformat")

Convert = Callable[[Any], Any] | None


class Driver:
    """`cursor` makes a cursor on the caller's connection, its rows plain tuples."""

    def __init__(self, dialect: Dialect, cursor: Callable[[], Any]) -> None:
        self._dialect = dialect
        self._cursor = cursor

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Result[Any]:
        """One execution, all of its rows read and its cursor closed. Raises the driver's errors."""
        given = parameters or {}
        compiled, to_driver, from_driver = _compiled(statement, self._dialect, frozenset(given))
        bound = _bound(compiled, to_driver, given)
        with closing(self._cursor()) as cursor:
            cursor.execute(str(compiled), *([bound] if bound else []))
            names = [column[0] for column in cursor.description or ()]
            found = cursor.fetchall() if names else []
        converts = [from_driver.get(name) for name in names]
        rows = (tuple(map(_converted, converts, row)) for row in found)
        return IteratorResult(SimpleResultMetaData(names), rows)


def prepared(
    statement: Executable, dialect: Dialect, given: Mapping[str, Any]
) -> tuple[str | None, dict[str, Any]]:
    """A statement and its values as the driver takes them; no statement where the text depends
    on the values, as for a list.
    """
    compiled, to_driver, _ = _compiled(statement, dialect, frozenset(given))
    if compiled.post_compile_params:
        return None, {}
    return str(compiled), _bound(compiled, to_driver, given)


def _bound(
    compiled: Any, to_driver: Mapping[str, Convert], given: Mapping[str, Any]
) -> dict[str, Any]:
    values = compiled.construct_params(given)
    return {name: _plain(to_driver[name], value) for name, value in values.items()}


@functools.lru_cache(maxsize=512)
def _compiled(
    statement: Any, dialect: Dialect, names: frozenset[str]
) -> tuple[Any, dict[str, Convert], dict[str, Convert]]:
    compiled = statement.compile(dialect=dialect, column_keys=sorted(names))
    to_driver = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in compiled.binds.items()
    }
    columns = getattr(statement, "exported_columns", {})
    from_driver = {  # PostgreSQL's drivers read JSON themselves
        name: column.type.dialect_impl(dialect).result_processor(dialect, None)
        for name, column in columns.items()
        if dialect.name == "sqlite"
    }
    return compiled, to_driver, from_driver


def _plain(convert: Convert, value: Any) -> Any:
    value = value.value if isinstance(value, Enum) else value  # each driver has its own view
    return convert(value) if convert else value


def _converted(convert: Convert, value: Any) -> Any:
    return convert(value) if convert else value

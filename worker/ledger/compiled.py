"""Statements compiled once, and their values as a driver takes them.

SQLAlchemy's statements and column types stay the only description of the ledger's rows. What is
passed over is its own work at each execution, which is four times what the database does:
a statement of this package is one object, compiled at its first use for each kind of driver.
"""

import functools
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import Dialect, Executable, FromClause
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.types import TypeEngine

from worker.ledger.found import Found

_row_class: Any = namedtuple  # noqa: PYI024 - a class for each statement
MOST_KNOWN = 1024  # statements: those that are made for each call are forgotten again

Convert = Callable[[Any], Any] | None


class Hinted(SQLiteCompiler):
    """Writes a table's hint (`with_hint`) behind its name, which SQLAlchemy leaves out."""

    def get_from_hint_text(self, _table: FromClause, text: str | None) -> str | None:
        return text


# How each driver marks the place of a value: ?, $1, and %s of whoever's cursor it is.
SQLITE: Dialect = sqlite.dialect(paramstyle="qmark")
SQLITE.statement_compiler = Hinted
DJANGOS_SQLITE: Dialect = sqlite.dialect(paramstyle="format")
POSTGRESQL: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
BORROWED_POSTGRESQL: Dialect = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


class Compiled:
    """One statement for one kind of driver. `is_variable`: its text depends on its values, as
    for a list.
    """

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str]) -> None:
        made = statement.compile(dialect=dialect, column_keys=list(names))
        self.sql = str(made)
        self.is_variable = bool(made.post_compile_params)
        self._binds = [
            (
                name if name in names else None,
                made.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
                made.binds[name].value,
            )
            for name in ([] if self.is_variable else made.positiontup or [])
        ]
        columns = getattr(statement, "exported_columns", ()) if dialect.name == "sqlite" else ()
        kinds = [_reader(column.type, dialect) for column in columns]
        # PostgreSQL's drivers read JSON themselves.
        self._converts = [(at, kind) for at, kind in enumerate(kinds) if kind]
        self._row: Callable[[Iterable[Any]], Any] | None = None

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in the sequence of their places."""
        return [
            _plain(convert, constant if name is None else given[name])
            for name, convert, constant in self._binds
        ]

    def found(self, names: Iterable[str], rows: list[Any], count: int) -> Found:
        """What the driver came back with; `names` are of its columns."""
        if self._row is None:
            self._row = _row_class("Row", list(names), rename=True)._make
        if self._converts:
            rows = [self._converted(row) for row in rows]
        return Found(list(map(self._row, rows)), count)

    def _converted(self, row: Iterable[Any]) -> list[Any]:
        values = list(row)
        for at, convert in self._converts:
            values[at] = convert(values[at])
        return values


def compiled(statement: Executable, dialect: Dialect, given: Mapping[str, Any]) -> Compiled:
    """A statement for values of these names."""
    return _compiled(statement, dialect, tuple(given))


@functools.lru_cache(maxsize=MOST_KNOWN)
def _compiled(statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> Compiled:
    return Compiled(statement, dialect, names)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _plain(convert: Convert, value: Any) -> Any:
    value = value.value if isinstance(value, Enum) else value  # each driver has its own view
    return convert(value) if convert else value

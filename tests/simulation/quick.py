"""A connection that does what SQLAlchemy's does, in a fraction of its time.

Of five hundred statements of a history SQLAlchemy's own work at each execution is most of the cost.
"""

from collections import namedtuple
from collections.abc import Iterator
from sqlite3 import Error as SqliteError
from typing import Any

from sqlalchemy import Connection

MOST_KNOWN = 1000  # statements

# The name of a parameter and how it is made what the driver takes; or a value of the statement's.
Bind = tuple[str | None, Any, Any]


class Quick:
    """SQLAlchemy's connection, but that a statement which comes again is compiled only once.

    Errors and savepoints are SQLAlchemy's.
    """

    def __init__(self, connection: Connection, raw: Any) -> None:
        self._connection = connection
        self._raw = raw
        self._known: dict[Any, tuple[Compiled, list[Bind]]] = {}  # by statement
        self._compiled: dict[Any, Compiled] = {}  # by SQLAlchemy's key of what is the same

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        given = parameters or {}
        key = (statement, *given)
        if key not in self._known:
            if len(self._known) > MOST_KNOWN:  # of those that are made for each call
                self._known.clear()
            self._known[key] = self._compile(statement, given)
        compiled, binds = self._known[key]
        try:
            return compiled.run(binds, given)
        except SqliteError:  # SQLAlchemy shall raise it, in its own words
            return self._connection.execute(statement, parameters)

    def _compile(self, statement: Any, given: Any) -> "tuple[Compiled, list[Bind]]":
        """What a statement compiles to, and where its values come from."""
        same, bound, *_ = statement._generate_cache_key()
        key = (same, *given)
        if key not in self._compiled:
            self._compiled[key] = Compiled(self._connection.dialect, self._raw, statement, given)
        compiled = self._compiled[key]
        pairs = zip(compiled.bound, bound, strict=True)
        values = compiled.values | {name: bind.effective_value for name, bind in pairs}
        return compiled, [
            (name, processor, values.get(name))
            if name in given or name in compiled.lists
            else (None, None, processor(values[name]) if processor else values[name])
            for name, processor in compiled.binds
        ]


class Compiled:
    def __init__(self, dialect: Any, raw: Any, statement: Any, given: Any) -> None:
        made = statement.compile(dialect=dialect, column_keys=list(given))
        _, bound, *_ = statement._generate_cache_key()
        names = {bind.key: name for bind, name in made.bind_names.items()}
        self.bound = [names.get(bind.key, bind.key) for bind in bound]
        self.values = {name: bind.effective_value for name, bind in made.binds.items()}
        self._execute = raw.execute
        self._sql = str(made)
        processors = made._bind_processors
        self.lists = {made.bind_names[bind] for bind in made.post_compile_params}
        self.binds = [(name, processors.get(name)) for name in made.positiontup or ()]
        columns = made._result_columns
        kinds = [column.type._cached_result_processor(dialect, None) for column in columns]
        self._converts = [(at, kind) for at, kind in enumerate(kinds) if kind]
        names = [column.keyname for column in columns]
        self._row_of = namedtuple("Row", names, rename=True)._make  # noqa: PYI024 - a class for each

    def run(self, binds: "list[Bind]", given: Any) -> "Found":
        sql = self._sql
        if self.lists:
            sql, bound = self._with_lists(binds, given)
        else:
            bound = [
                value if name is None else (processor(given[name]) if processor else given[name])
                for name, processor, value in binds
            ]
        cursor = self._execute(sql, bound)
        rows = cursor.fetchall()
        if self._converts:
            rows = [_converted(row, self._converts) for row in rows]
        return Found([self._row_of(row) for row in rows], cursor.rowcount, cursor.lastrowid)

    def _with_lists(self, binds: "list[Bind]", given: Any) -> tuple[str, list[Any]]:
        sql, bound = self._sql, []
        for name, processor, value in binds:
            if name in self.lists:
                parts = given.get(name, value)
                sql = sql.replace(f"__[POSTCOMPILE_{name}]", ", ".join("?" * len(parts)))
                bound += [processor(each) if processor else each for each in parts]
            elif name is None:
                bound.append(value)
            else:
                bound.append(processor(given[name]) if processor else given[name])
        return sql, bound


def _converted(row: Any, converts: Any) -> list[Any]:
    row = list(row)
    for at, convert in converts:
        row[at] = convert(row[at])
    return row


class Found:
    """A result, as far as the ledger asks for it."""

    __slots__ = ("_rows", "inserted_primary_key", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int, last: int) -> None:
        self._rows = rows
        self.rowcount = rowcount
        self.inserted_primary_key = (last,)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def one(self) -> Any:
        (row,) = self._rows
        return row

    def one_or_none(self) -> Any:
        return self.one() if self._rows else None

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> "Found":
        return Found([row[0] for row in self._rows], self.rowcount, 0)

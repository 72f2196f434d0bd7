"""Column types: text that any database can store, JSON whose None is NULL.

SQLite keeps any text for JSON. What somebody has left there that is none, or has not the shape of
its column, is read as nothing (`verify` reads the text): one odd row must not end a statement that
reads two hundred.

What comes from outside (a provider's message, a foreign task's arguments) may hold characters
that PostgreSQL (NUL) or any encoding (half of a surrogate pair) refuses. It must not keep an
answer from being written, so it is stored as U+FFFD, the replacement character.
"""

import math
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import JSON, Column, ColumnElement, Dialect, TypeDecorator, cast


class _Storable(TypeDecorator[str]):
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or (value.isascii() and "\0" not in value):
            return value
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "\ufffd")


class String(_Storable):
    impl = sqlalchemy.String
    cache_ok = True


class Text(_Storable):
    impl = sqlalchemy.Text
    cache_ok = True


class _Json(TypeDecorator[Any]):
    """Plain JSON: what Python writes as NaN or Infinity no other reader takes, nor PostgreSQL.

    `shape` is what is read from it, `otherwise` what is read in the place of anything else.
    """

    impl = JSON
    cache_ok = True

    def __init__(
        self, shape: type | tuple[type, ...] = dict, otherwise: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(none_as_null=True)
        self.shape = shape
        self.otherwise = otherwise

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        plain = super().result_processor(dialect, coltype)

        def read(value: Any) -> Any:
            try:
                found = plain(value) if plain else value
            except ValueError:
                found = self.otherwise
            return found if found is None or isinstance(found, self.shape) else self.otherwise

        return read

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return _finite(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


Json = _Json()
JsonList = _Json(list)
JsonAny = _Json(object)
# Of these None would mean that there is no restriction: what cannot be read permits nothing.
JsonStates = _Json((list, tuple), ("unreadable",))


def as_text(column: Column[Any]) -> ColumnElement[Any]:
    """A column as it stands: JSON that is none, by somebody's hand, would end the reading."""
    return cast(column, sqlalchemy.Text).label(column.name) if is_json(column) else column


def is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, _Json)

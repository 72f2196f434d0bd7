"""Column types: text that any database can store, JSON whose None is NULL.

What comes from outside (a provider's message, a foreign task's arguments) may hold characters
that PostgreSQL (NUL) or any encoding (half of a surrogate pair) refuses. It must not keep an
answer from being written, so it is stored as U+FFFD, the replacement character.
"""

import math
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
    """Plain JSON: what Python writes as NaN or Infinity no other reader takes, nor PostgreSQL."""

    impl = JSON
    cache_ok = True

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


Json = _Json(none_as_null=True)


def as_text(column: Column[Any]) -> ColumnElement[Any]:
    """A column as it stands: JSON that is none, by somebody's hand, would end the reading."""
    return cast(column, sqlalchemy.Text).label(column.name) if column.type is Json else column

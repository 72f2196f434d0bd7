"""Column types: text that any database can store, JSON whose None is NULL.

What comes from outside (a provider's message, a foreign task's arguments) may hold characters
that PostgreSQL (NUL) or any encoding (half of a surrogate pair) refuses. It must not keep an
answer from being written, so it is stored as U+FFFD, the replacement character.
"""

import sqlalchemy
from sqlalchemy import JSON, Dialect, TypeDecorator


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


Json = JSON(none_as_null=True)

"""What a statement came to: the part of SQLAlchemy's Result that the ledger's verbs use."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy.exc import MultipleResultsFound, NoResultFound


class Found:
    """All rows of one execution, as named tuples, read before it is looked at."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        if len(self._rows) > 1:
            raise MultipleResultsFound(f"{len(self._rows)} rows were found where one may be.")
        return self.first()

    def one(self) -> Any:
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("No row was found where one must be.")
        return row

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> "Found":
        return Found([row[0] for row in self._rows], self.rowcount)

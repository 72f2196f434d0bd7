"""A ledger in memory for histories by the thousand: its tables made once, emptied for each.

The statements are the real ones. What is left out is what each of them would pay and none of the
histories is about: the file, the pool, and a new engine that compiles every statement again. One
thread has one connection, and a transaction is never open while somebody waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine

from worker.ledger.database import Database
from worker.ledger.schema import metadata

NUMBERS = "sqlite_sequence"  # where SQLite counts: each history begins with job 1


class MemoryLedger(Database):
    def __init__(self) -> None:
        self.shown_url = "sqlite://"
        self.is_sqlite = True
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None}
        )
        self._connection = self.engine.connect()
        self.raw: Any = self._connection.connection.dbapi_connection
        self.raw.execute("PRAGMA foreign_keys=ON")
        metadata.create_all(self._connection)
        self._tables = [table.name for table in reversed(metadata.sorted_tables)]

    def begin_anew(self, world: Any) -> None:
        """Empty the ledger, and go by another world's clock; it is told of each commit."""
        self._world = world
        self._clock = world.time
        self.raw.execute("BEGIN")
        for table in (*self._tables, NUMBERS):
            self.raw.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
        self.raw.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._alone():
            self.raw.execute("BEGIN")
            try:
                yield self._connection
            except BaseException:
                self.raw.execute("ROLLBACK")
                raise
            self.raw.execute("COMMIT")
        self._world.changed()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._alone():
            yield self._connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert not self._world.open_transactions, "a transaction was begun within another"
        self._world.open_transactions += 1
        try:
            yield
        finally:
            self._world.open_transactions -= 1

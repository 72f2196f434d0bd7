"""A ledger in memory for histories by the thousand: its tables made once, emptied for each.

The statements are the real ones. What is left out is what each of them would pay and none of the
histories is about: the file, the pool, a new engine that compiles every statement again, and most
of SQLAlchemy's work at each execution (see `quick`). One thread has one connection, and a
transaction is never open while somebody waits.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine

from tests.simulation.quick import Quick
from worker.ledger.database import Database
from worker.ledger.schema import PREFIX, metadata

NUMBERS = "sqlite_sequence"  # where SQLite counts: each history begins with job 1
WATCHED = {
    "jobs": "id seq seller order_id task key state effect step waiting_for ready bucket lease_token"
    " lease_until attempt_count error rank priority due_at deadline",
    "transitions": "job_id subject old new",
    "attempts": "id job_id number bucket claimed_at finished_at",
    "buckets": "key capacity rate level level_at open_at closed_for throttles slowed_to",
}
TRIGGERS = [
    f"CREATE TEMP TRIGGER {verb}_{table} AFTER {verb} ON {PREFIX}{table} BEGIN"
    f" SELECT wrote('{verb}', '{table}',"
    f" {', '.join(f'{side}.{name}' for name in columns.split())}); END"
    for table, columns in WATCHED.items()
    for verb, side in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old"))
]


class MemoryLedger(Database):
    def __init__(self) -> None:
        self.shown_url = "sqlite://"
        self.is_sqlite = True
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None}
        )
        connection = self.engine.connect()
        self.raw: Any = connection.connection.dbapi_connection
        self.raw.execute("PRAGMA foreign_keys=ON")
        metadata.create_all(connection)
        self._connection: Any = Quick(connection, self.raw)
        self._is_watched = False
        self._tables = [table.name for table in reversed(metadata.sorted_tables)]

    def begin_anew(self, world: Any) -> None:
        """Empty the ledger, and go by another world's clock; it is told of each commit."""
        self._world = world
        self._clock = world.ledger_time
        self._watch: Any = None
        self._faults: Any = None
        self.raw.execute("BEGIN")
        for table in (*self._tables, NUMBERS):
            self.raw.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
        self.raw.execute("COMMIT")

    def watched_by(self, watch: Any) -> None:
        """Have `watch` told what is written: each row, and how its transaction ended."""
        if not self._is_watched:
            self._is_watched = True
            self.raw.create_function("wrote", -1, self._wrote)
            for trigger in TRIGGERS:
                self.raw.execute(trigger)
        self._watch = watch

    def troubled_by(self, faults: Any) -> None:
        """Have `faults` asked before each transaction, before each commit, and after it."""
        self._faults = faults

    def _wrote(self, *row: Any) -> None:
        if self._watch:
            self._watch.wrote(*row)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._alone():
            self.raw.execute("BEGIN")
            try:
                yield self._connection
                if self._faults:
                    self._faults.before_commit()
            except BaseException:
                self.raw.execute("ROLLBACK")
                if self._watch:
                    self._watch.rolled_back()
                raise
            self.raw.execute("COMMIT")
            if self._watch:
                self._watch.committed()
        self._world.changed()
        if self._faults:
            self._faults.after_commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._alone():
            yield self._connection

    glance = read

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert not self._world.open_transactions, "a transaction was begun within another"
        if self._faults:
            self._faults.before_transaction()
        self._world.open_transactions += 1
        try:
            yield
        finally:
            self._world.open_transactions -= 1


@functools.cache
def the_ledger() -> MemoryLedger:
    """The one of this process: whoever begins anew ends what was before."""
    return MemoryLedger()

"""What has happened since somebody began to look: each step of a job and each request, told once.

For counters. Rows have numbers, but a number is given before its transaction ends: what is younger
than any transaction can be is read again, and known by its number.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Table, bindparam, func, select

from worker.domain.unanswered import OF_LOST_LEASES
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.schema import attempts, buckets, jobs, transitions

OVER = 60.0  # seconds: no transaction lasts so long, see `patience` and `engines`
BATCH = 5_000  # rows of one transaction

STEPS = (
    select(
        transitions.c.id,
        transitions.c.at,
        transitions.c.old,
        transitions.c.new,
        transitions.c.why,
        jobs.c.seller,
        jobs.c.task,
    )
    .join_from(transitions, jobs, transitions.c.job_id == jobs.c.id)
    .where(transitions.c.subject == "job", transitions.c.id > bindparam("after"))
    .order_by(transitions.c.id)
    .limit(BATCH)
)
CALLS = (
    select(
        attempts.c.id,
        attempts.c.claimed_at,
        attempts.c.finished_at,
        attempts.c.operation,
        attempts.c.outcome,
        buckets.c.seller,
    )
    .join_from(attempts, buckets, attempts.c.bucket == buckets.c.key)
    .where(attempts.c.id > bindparam("after"))
    .order_by(attempts.c.id)
    .limit(BATCH)
)


@dataclass(frozen=True, slots=True)
class JobStep:
    """A job went from one state to another. `old` is None when it was accepted."""

    seller: str
    task: str
    old: str | None
    new: str
    lost_lease: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what it came to. `seconds` from its claim to its settle."""

    seller: str
    operation: str
    outcome: str
    seconds: float


class Happenings:
    """Begins with what happens after it was made. For one thread at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._steps = _Tail(ledger.database, transitions, STEPS, "at", "at")
        self._calls = _Tail(ledger.database, attempts, CALLS, "claimed_at", "finished_at")
        self.read()

    def read(self) -> tuple[list[JobStep], list[Call]]:
        """What has happened since the last time. Raises LedgerUnavailable: nothing is missed."""
        return list(map(_step, self._steps.read())), list(map(_call, self._calls.read()))


class _Tail:
    """The rows of a table, each when it is done. What stands up to `_after` is done and told."""

    def __init__(
        self, database: Database, table: Table, statement: Select[Any], begun: str, done: str
    ) -> None:
        self._database = database
        self._newest = select(func.max(table.c.id))
        self._statement = statement
        self._begun, self._done = begun, done  # columns: when a row was written, and when it ended
        self._after: int | None = None
        self._told: set[int] = set()

    def read(self) -> list[Row[Any]]:
        """The rows that are done, and were not told before."""
        rows, now = self._rows()
        new = [row for row in rows if row.id not in self._told and self._is_done(row)]
        self._told.update(row.id for row in new)
        for row in rows:
            if row.id not in self._told or getattr(row, self._begun) > now - OVER:
                break
            self._after = row.id
            self._told.discard(row.id)
        return new

    def _rows(self) -> tuple[list[Row[Any]], float]:
        """All rows behind `_after`, and the ledger's clock when the last was read."""
        rows: list[Row[Any]] = []
        while True:
            with self._database.read() as connection:
                if self._after is None:
                    self._after = int(connection.execute(self._newest).scalar() or 0)
                after = {"after": rows[-1].id if rows else self._after}
                page = connection.execute(self._statement, after).all()
                now = self._database.now(connection)
            rows += page
            if len(page) < BATCH:
                return rows, now

    def _is_done(self, row: Row[Any]) -> bool:
        return getattr(row, self._done) is not None


def _step(row: Row[Any]) -> JobStep:
    return JobStep(row.seller, row.task, row.old, row.new, row.why in OF_LOST_LEASES)


def _call(row: Row[Any]) -> Call:
    seconds = max(0.0, row.finished_at - row.claimed_at)
    return Call(row.seller, row.operation, str(row.outcome), seconds)

"""Transactions on the ledger's database, and its clock.

On SQLite each write transaction takes the single writer's lock when it begins: a transaction
that reads first and writes later would fail instead of wait. Threads of one process queue in
front of it (see `sharing`), since SQLite's waiting is a poll without an order.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Result,
    Table,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from worker import libraries
from worker.clock import elapsed as system_elapsed
from worker.errors import LedgerMisconfigured
from worker.ledger import changes, engines, narration, reaching
from worker.ledger.changes import CHANNEL, EVERYBODY, Changes
from worker.ledger.direct import Direct
from worker.ledger.pipeline import Pipeline, Question
from worker.ledger.sharing import Sharing
from worker.ledger.steps import Steps
from worker.masking import masked

QUEUE_FOR = text(
    "SELECT count(pg_advisory_xact_lock(number)) FROM (SELECT DISTINCT hashtextextended(name, 0)"
    " AS number FROM unnest(CAST(:names AS text[])) AS name ORDER BY number) AS in_sequence"
)
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
NOW, NOW_OF_BUCKET = text(CLOCK), text(CLOCK)  # two moments of one transaction, see `foresee`
NEXT_NUMBER = text("SELECT nextval(pg_get_serial_sequence(:table, 'id'))")
ANNOUNCE = text("SELECT pg_notify(:channel, :worker)")
READ_ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
BY_PIPELINE = {"isolation_level": "AUTOCOMMIT"}  # it begins and commits by itself


class Statements(Protocol):
    """What a verb needs of a connection: SQLAlchemy's has it, and so has a caller's own."""

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Result[Any]: ...


class Database:
    """One database, shared by the threads of a process. `clock` gives epoch seconds on SQLite;
    PostgreSQL is asked for its own. By `elapsed` it is told when that clock was set.
    """

    _steps: Steps | None = None

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self.shown_url = masked(url)
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._clock = clock
        if elapsed or clock is time.time:
            self._steps = Steps(clock, elapsed or system_elapsed)
            self._clock = self._steps.now
        try:
            self.engine = engines.sqlite(url) if self.is_sqlite else engines.postgresql(url)
            self.engine.dialect.create_connect_args(make_url(url))
        except (TypeError, ValueError) as error:
            raise reaching.misconfigured(self.shown_url, error) from error
        except ImportError as error:
            raise LedgerMisconfigured(
                libraries.sentence(f"The ledger {self.shown_url}", error.name or str(error))
            ) from error
        self._sharing = Sharing(self.engine)
        self._writer = self.engine.execution_options(**({} if self.is_sqlite else BY_PIPELINE))
        self._reader = self.engine.execution_options(
            **(engines.READ_ONLY if self.is_sqlite else READ_ONE_MOMENT)
        )

    @property
    def is_missing(self) -> bool:
        """Whether it is a file that is not there, or empty; it would be made by looking into it."""
        file = Path(self.engine.url.database or "")
        return self.is_sqlite and not (file.exists() and file.stat().st_size)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is synced to disk when the block ends.

        Raises LedgerUnavailable; of its kinds LedgerUndone where the same may be tried at once,
        and CommitUnknown where nobody can say whether the block was written.
        """
        if self.is_sqlite:
            with narration.of_transaction(), self._reached(), self._sharing.part() as part:
                yield cast("Connection", part)
            return
        with (
            narration.of_transaction(),
            self._reached(),
            self._writer.connect() as connection,
            closing(Pipeline(_bounded(connection))) as pipeline,
        ):
            yield cast("Connection", pipeline)
            with self._committing():
                pipeline.send(commit=True)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As `write`, on SQLAlchemy's own connection: each statement by itself."""
        if self.is_sqlite:
            with self._reached(), self._sharing.part(alone=True) as part:
                yield part.connection
            return
        with self._reached(), self.engine.connect() as connection:
            transaction = connection.begin()
            yield connection
            with self._committing():
                transaction.commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view that locks nobody out. Raises LedgerUnavailable."""
        with self._reached(), self._reader.connect() as connection:
            yield connection if self.is_sqlite else _bounded(connection)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """As `read`, each statement at a moment of its own: half the price, or a quarter of it
        on PostgreSQL. Raises LedgerUnavailable.
        """
        with self._reached():
            if self.is_sqlite:
                with closing(Direct(self.engine)) as direct:
                    yield cast("Connection", direct)
                return
            with (
                self._writer.connect() as connection,
                closing(Pipeline(_bounded(connection), by_itself=True)) as pipeline,
            ):
                yield cast("Connection", pipeline)

    def now(self, connection: Statements, asked: Executable = NOW) -> float:
        """Epoch seconds on the ledger's clock, at this moment rather than at the begin."""
        if self.is_sqlite:
            return self._clock()
        return float(connection.execute(asked).scalar_one())

    def today(self, at: float) -> float:
        """A moment of before, on the clock as it goes now: see `steps`."""
        return self._steps.today(at) if self.is_sqlite and self._steps else at

    def foresee(self, connection: Statements, *wanted: Question) -> None:
        """Have these statements, which will be executed later in the transaction, asked together
        and in this sequence; see `Pipeline.foresee`. On SQLite nothing travels.
        """
        if isinstance(connection, Pipeline):
            for statement, parameters in wanted:
                connection.foresee(statement, parameters)

    def reword(self, connection: Statements, pairs: Iterable[tuple[Question, Question]]) -> None:
        """What was foreseen as the first of each pair will be executed as the second."""
        if isinstance(connection, Pipeline):
            for asked, will_be in pairs:
                connection.reword(asked, will_be)

    def forget_foreseen(self, connection: Connection) -> None:
        """What was foreseen is to be asked again."""
        if isinstance(connection, Pipeline):
            connection.forget_foreseen()

    def next_number(self, connection: Connection, table: Table) -> Callable[[], int | None]:
        """Asks for the number of a table's next row, so that it need not be asked for when the
        row is there. The answer is None on SQLite, which numbers only what it inserts.
        """
        if self.is_sqlite:
            return lambda: None
        asked = connection.execute(*self.number_of(table))
        return lambda: int(asked.scalar_one())

    def number_of(self, table: Table) -> tuple[Executable, dict[str, Any]]:
        """What `next_number` asks. A number that is asked for in vain is left out."""
        return NEXT_NUMBER, {"table": table.name}

    def time(self) -> float:
        """As `now`, by itself. Raises LedgerUnavailable."""
        with self.read() as connection:
            return self.now(connection)

    def insert(self, table: Table) -> Any:
        """The dialect's INSERT, which knows ON CONFLICT; the same on both databases."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def insert_new(self, table: Table, *returning: ColumnElement[Any]) -> Any:
        """As `insert`, passing over what is there already; the same object each time, so that
        it is compiled once.
        """
        return _insert_new(self.is_sqlite, table, returning)

    def queue_for(self, connection: Connection, names: Sequence[str]) -> None:
        """Hold these names until the transaction ends. Two that insert the same keys, each in a
        sequence of its own, would else wait for each other; on SQLite there is one writer.
        """
        if not self.is_sqlite:
            connection.execute(QUEUE_FOR, {"names": list(names)})

    @contextmanager
    def impatient(self, connection: Connection, seconds: float) -> Iterator[None]:
        """A part of a transaction that may fail by itself, and waits so long for locks at most.

        The limit is of PostgreSQL; on SQLite whoever writes waits for nobody.
        """
        with narration.of_part(), connection.begin_nested():
            self.be_impatient(connection, seconds)
            yield

    def be_impatient(self, connection: Connection, seconds: float) -> None:
        """Wait so long for a lock at most, until the end of the transaction or of its part."""
        if not self.is_sqlite:
            limit = text("SELECT set_config('lock_timeout', :limit, true)")
            connection.execute(limit, {"limit": f"{seconds * 1000:.0f}ms"})

    def announce(self, connection: Statements, worker: str = EVERYBODY) -> None:
        """Wake the dispatchers when the transaction commits, or that of one worker alone; on
        SQLite they see its commit.
        """
        if not self.is_sqlite:
            connection.execute(ANNOUNCE, {"channel": CHANNEL, "worker": worker})

    @contextmanager
    def watch(self, worker: str) -> Iterator[Changes]:
        """What the worker's dispatcher sleeps by: it wakes when another connection has written
        something that is of interest to it.
        """
        if self.is_sqlite:
            with changes.versions(self.engine) as versions:
                yield versions
            return
        with self._reached(), changes.notices(self.engine, worker) as notices:
            yield notices

    def forget_connections(self) -> None:
        """For a forked child: drop what is shared with the parent without closing it."""
        self._sharing = Sharing(self.engine)
        self.engine.dispose(close=False)

    def _reached(self) -> AbstractContextManager[None]:
        return reaching.reached(self.shown_url, self.engine.dispose)

    def _committing(self) -> AbstractContextManager[None]:
        return reaching.committing(self.shown_url)


@functools.cache
def _insert_new(on_sqlite: bool, table: Table, returning: tuple[ColumnElement[Any], ...]) -> Any:
    made = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
    made = made.on_conflict_do_nothing()
    return made.returning(*returning) if returning else made


def _bounded(connection: Connection) -> Connection:
    """What a verb asks is answered soon; a migration may take its time."""
    raw: Any = connection.connection.dbapi_connection
    raw.is_bounded = True
    return connection

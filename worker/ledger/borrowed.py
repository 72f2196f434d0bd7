"""A caller's own connection: which kind is it, and is there a transaction to be part of?

Nothing here commits, rolls back, or changes a setting. A job that is recorded outside of a
transaction would exist whatever becomes of the checkout, so a connection in autocommit is
refused.
"""

import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from worker.errors import BadInput
from worker.ledger import after_commit
from worker.ledger.compiled import BORROWED_POSTGRESQL, DJANGOS_SQLITE, SQLITE
from worker.ledger.database import Statements
from worker.ledger.driver import Driver

FIELD = "connection"
KINDS = (
    "give a Connection or Session of SQLAlchemy, a connection of psycopg or sqlite3, or Django's"
    " connection"
)
ASYNCHRONOUS = ("AsyncConnection", "AsyncSession", "async_scoped_session")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """`in_transaction` says whether what is executed is undone by a rollback: on PostgreSQL what
    comes next, on SQLite what was executed just now. `begin` is how its caller opens one.
    `after_commit` has something done once the transaction is committed, if it can be known.
    """

    statements: Statements
    backend: str  # SQLAlchemy's word: postgresql, sqlite, …
    in_transaction: Callable[[], bool]
    begin: str
    after_commit: Callable[[Callable[[], object]], None] | None = None


def borrow(connection: Any) -> Borrowed:
    """Raises BadInput for what is no connection that a job can be recorded on."""
    if isinstance(connection, scoped_session):
        return _of_session(connection())
    if isinstance(connection, Session):
        return _of_session(connection)
    if isinstance(connection, Connection):
        return _of_sqlalchemy(connection)
    if isinstance(connection, sqlite3.Connection):
        return _of_sqlite3(connection)
    if _is_asynchronous(connection):
        raise BadInput(
            FIELD,
            f"{_kind(connection)} is asynchronous: use `await connection.run_sync(lambda sync:"
            " confirm.delay_within(sync, …))`.",
        )
    if isinstance(connection, _psycopg("Connection")):
        return _of_psycopg(connection)
    if isinstance(connection, _psycopg("AsyncConnection")):
        raise BadInput(FIELD, f"{_kind(connection)} is asynchronous: {KINDS}.")
    if "django.db" in sys.modules and hasattr(connection, "in_atomic_block"):
        return _of_django(connection)
    raise BadInput(FIELD, f"is {_kind(connection)}: {KINDS}.")


def _kind(connection: object) -> str:
    return f"{type(connection).__module__}.{type(connection).__qualname__}"


def _psycopg(name: str) -> Any:
    """A class of psycopg, which is an extra; nothing is of it before somebody has loaded it."""
    return getattr(sys.modules.get("psycopg"), name, ())


def _is_asynchronous(connection: Any) -> bool:
    """Whoever has such a connection has imported them; they need greenlet, which we do not."""
    module = sys.modules.get("sqlalchemy.ext.asyncio")
    kinds = tuple(getattr(module, name) for name in ASYNCHRONOUS) if module else ()
    return isinstance(connection, kinds)


def _of_session(session: Session) -> Borrowed:
    connection = session.connection()
    hook = after_commit.of_session(session, connection)
    return _of_sqlalchemy(connection, hook)


def _of_sqlalchemy(
    connection: Connection, hook: Callable[[Callable[[], object]], None] | None = None
) -> Borrowed:
    """A Connection alone has no hook: its event named commit comes before the commit."""

    def in_transaction() -> bool:
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite":
            return bool(driver.in_transaction)
        raw: Any = connection.connection.dbapi_connection
        return not connection.dialect.detect_autocommit_setting(raw)

    return Borrowed(
        connection,
        connection.dialect.name,
        in_transaction,
        "leave its isolation level AUTOCOMMIT out",
        hook,
    )


def _of_sqlite3(connection: sqlite3.Connection) -> Borrowed:
    def cursor() -> sqlite3.Cursor:
        made = connection.cursor()
        made.row_factory = None
        return made

    return Borrowed(
        Driver(SQLITE, cursor),
        "sqlite",
        lambda: connection.in_transaction,
        'execute "BEGIN IMMEDIATE" first',
    )


def _of_psycopg(connection: Any) -> Borrowed:
    import psycopg

    if connection.info.pipeline_status != psycopg.pq.PipelineStatus.OFF:
        raise BadInput(
            FIELD,
            "is in pipeline mode, where no answer is read at once: record the job outside of it.",
        )

    def cursor() -> Any:
        return psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row)

    def in_transaction() -> bool:
        idle = psycopg.pq.TransactionStatus.IDLE
        return not connection.autocommit or connection.info.transaction_status != idle

    return Borrowed(
        Driver(BORROWED_POSTGRESQL, cursor),
        "postgresql",
        in_transaction,
        "put it into `with connection.transaction():`",
    )


def _of_django(connection: Any) -> Borrowed:
    """Django's own cursor, so that its log, its wrappers and its errors are as for any query."""
    backend = connection.vendor
    dialect = DJANGOS_SQLITE if backend == "sqlite" else BORROWED_POSTGRESQL
    return Borrowed(
        Driver(dialect, connection.cursor),
        backend,
        lambda: connection.in_atomic_block or not connection.get_autocommit(),
        "put it into `with transaction.atomic():`",
        after_commit.of_django(connection) if connection.in_atomic_block else None,
    )

"""How a process connects to each of the databases, and what it asks of a connection."""

import math
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError

from worker.ledger import patience, refusals
from worker.ledger.compiled import Hinted

BUSY_SECONDS = 30.0  # how long a writer waits for another process' transaction
LOOK_MILLISECONDS = 4  # in which SQLite looks three times whether the writer's lock is free
BEGIN_TO_WRITE = "BEGIN IMMEDIATE"
CONNECT_SECONDS = 3  # whole seconds, for each address of the server
ASK_AFTER = 1.0  # seconds of rest, until a connection is asked whether it is still there
SILENT_SECONDS = 10  # until a server that acknowledges nothing is taken for gone
STANDING_SECONDS = 5.0  # how long a transaction of ours may stand still; below LOCK_SECONDS
SQLITE_OPTIONS = {"timeout", "uri", "cached_statements", "detect_types"}
READ_ONLY = {"order_worker_read_only": True}


def postgresql(url: str) -> Engine:
    """What the ledger relies on is asked for, whatever the server's or the role's defaults are:
    a statement sees what its locks waited for, and a commit is on disk.
    """
    asked = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": SILENT_SECONDS * 1000,
        # Whoever waits for an answer has nothing unacknowledged: Linux would ask after two hours.
        "keepalives_idle": SILENT_SECONDS // 2,
        "keepalives_interval": 1,
    }
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        hide_parameters=True,  # a row may hold what no log may
        isolation_level="READ COMMITTED",
        connect_args={key: value for key, value in asked.items() if key not in make_url(url).query},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # What psycopg prepares lives no longer than until the rollback that ends each read, and
        # it then has the server forget what `speech` has prepared, too.
        connection.prepare_threshold = None
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        # A shop that leaves its transaction open must not hold every other producer up with it.
        connection.execute(f"SET lock_timeout = '{refusals.LOCK_SECONDS}s'")
        # Nor must a worker that was stopped in the middle of one: its locks are the fleet's.
        standing = f"{STANDING_SECONDS * 1000:.0f}ms"
        connection.execute(f"SET idle_in_transaction_session_timeout = '{standing}'")
        connection.commit()

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: Any, words: Any) -> Any:
        return patience.connection_class().connect(*args, **words)

    @event.listens_for(engine, "checkin")
    def _lay_down(connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()
        if connection is not None:
            connection.is_bounded = False

    @event.listens_for(engine, "checkout")
    def _take_up(connection: Any, record: Any, _proxy: object) -> None:
        """A connection that was just in use is as good as one that is asked; see `once_more`."""
        if time.monotonic() - record.info.get("idle_since", math.inf) > ASK_AFTER:
            try:
                engine.dialect.do_ping(connection)
            except connection.Error as error:
                raise InvalidatePoolError from error

    return engine


def sqlite(url: str) -> Engine:
    """Raises ValueError for an option that the driver would pass over."""
    query = make_url(url).query
    unknown = set(query) - SQLITE_OPTIONS
    if unknown and "uri" not in query:  # with it they are SQLite's own
        raise ValueError(f"SQLite knows no {', '.join(sorted(unknown))}")
    engine = create_engine(
        url,
        pool_size=32,
        hide_parameters=True,
        max_overflow=-1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    engine.dialect.statement_compiler = Hinted

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin ourselves
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("order_worker_begun"):
            return
        if options.get("order_worker_read_only"):
            connection.exec_driver_sql("BEGIN")
        else:
            begin_to_write(connection.connection.dbapi_connection, connection.exec_driver_sql)

    return engine


def begin_to_write(raw: Any, say: Callable[[str], object]) -> None:
    """Take the single writer's lock, looking for it every few milliseconds, for as long as the
    connection's time-out; the last time by `say`, whose errors are its caller's.

    SQLite's own wait grows to a tenth of a second between two looks, and would never find a
    process that makes one transaction after the other between two of them.
    """
    longest = int(raw.execute("PRAGMA busy_timeout").fetchone()[0])
    give_up_at = time.monotonic() + longest / 1000.0
    raw.execute(f"PRAGMA busy_timeout = {min(longest, LOOK_MILLISECONDS)}")
    try:
        while time.monotonic() < give_up_at:
            try:
                raw.execute(BEGIN_TO_WRITE)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            else:
                return
        say(BEGIN_TO_WRITE)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {longest}")


def _use_wal(connection: Any) -> None:
    """Turn the write-ahead log on. Changing the mode of a new file does not wait for a
    competitor as other statements do, so the wait is here.
    """
    give_up_at = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except connection.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)

"""Orders from a database of the shop's: a query of the configuration, read-only and bounded.

The query is somebody's text, and is held to what it is for: one statement that reads, within its
time, with a column `order_id`. On PostgreSQL it runs by the extended protocol, which takes one
statement, in a transaction that has read already, so that it cannot be made to write any more;
on SQLite on a file that was opened for reading.
"""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from worker.domain.staleness import ShopOrder, Source
from worker.errors import BadInput, LedgerUnavailable
from worker.masking import masked

CONNECT_SECONDS = 3
GRACE = 2.0  # seconds that a server has to end a query itself
MOST_ROWS = 100_000  # of one sweep: whoever has more orders has them ordered by age
STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock
COLUMNS = frozenset({"order_id", "parent_order_id"})


def orders(source: Source, field: str) -> Iterator[ShopOrder]:
    """The orders that the query gives, as they come.

    `field` is the option that the query stands in, for the sentences. Raises BadInput for a
    query that writes, takes too long or has not the columns; LedgerUnavailable for a database
    that is away.
    """
    # As a table of another statement: whatever is no single SELECT is no table either.
    query = source.query.strip().rstrip(";")
    statement = f"SELECT * FROM (\n{query}\n) AS stale LIMIT {MOST_ROWS}"  # noqa: S608 - the owner's
    with _reading(source, field) as connection:
        as_it_stands = connection.execution_options(no_parameters=True)  # % is no placeholder
        result = as_it_stands.exec_driver_sql(statement)
        names = [name.lower() for name in result.keys()]  # noqa: SIM118 - no mapping
        _check_columns(names, field)
        for row in result:
            values = dict(zip(names, row, strict=True))
            if (order_id := _text(values["order_id"])) is not None:
                yield ShopOrder(order_id, _text(values.get("parent_order_id")))


def _check_columns(names: list[str], field: str) -> None:
    if "order_id" not in names:
        there = ", ".join(names)
        raise BadInput(field, f"must give a column order_id; it gives {there}.")
    if odd := [name for name in names if name not in COLUMNS]:
        raise BadInput(
            field, f"gives {', '.join(odd)}; only {' and '.join(sorted(COLUMNS))} are read."
        )


def _text(value: object) -> str | None:
    return None if value is None or not str(value).strip() else str(value).strip()


@contextmanager
def _reading(source: Source, field: str) -> Iterator[Connection]:
    url = make_url(source.url)
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        "sqlite://" if sqlite else url,
        poolclass=NullPool,
        **(_sqlite(source) if sqlite else _postgresql(source)),
    )
    connected, late = False, threading.Event()
    try:
        with engine.connect() as connection, _ended_after(connection, source.timeout, late):
            if not sqlite:
                connection.exec_driver_sql("SELECT 1")  # from here on the transaction cannot write
            connected = True
            yield connection
    except DBAPIError as error:
        if late.is_set():
            raise _took_too_long(source, field) from None
        away = not connected or error.connection_invalidated
        raise _told(error, source, field, away=away) from None  # its text may have the URL
    finally:
        engine.dispose()


@contextmanager
def _ended_after(connection: Connection, timeout: float, late: threading.Event) -> Iterator[None]:
    """Cut a connection whose server has fallen silent: its own limit of time is of no use then."""
    raw: Any = connection.connection.driver_connection

    def cut() -> None:
        late.set()
        with suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    if isinstance(raw, sqlite3.Connection):
        yield
        return
    timer = threading.Timer(timeout + GRACE, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _sqlite(source: Source) -> dict[str, Any]:
    path = quote(make_url(source.url).database or "")

    def connect() -> sqlite3.Connection:
        opened = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=source.timeout)
        opened.execute("PRAGMA query_only = ON")
        give_up_at = time.monotonic() + source.timeout
        opened.set_progress_handler(lambda: time.monotonic() > give_up_at, STEPS)
        return opened

    return {"creator": connect}


def _postgresql(source: Source) -> dict[str, Any]:
    milliseconds = max(1, round(source.timeout * 1000))
    own = make_url(source.url).query.get("options", "")
    own = own if isinstance(own, str) else " ".join(own)
    asked = f"{own} -c default_transaction_read_only=on -c statement_timeout={milliseconds}"
    return {
        "connect_args": {
            "connect_timeout": CONNECT_SECONDS,
            "options": asked.strip(),
            "prepare_threshold": 0,
        },
    }


def _told(error: DBAPIError, source: Source, field: str, *, away: bool) -> Exception:
    said = str(error.orig).strip().splitlines()[0]
    lowered = said.lower()
    if away:
        return LedgerUnavailable(
            f"The shop's database {masked(source.url)} cannot be read: {said}."
        )
    if "interrupted" in lowered or "statement timeout" in lowered:
        return _took_too_long(source, field)
    if "readonly" in lowered or "read-only" in lowered:
        return BadInput(field, f"writes ({said}); it may only read.")
    if error.statement is None:  # while its rows were fetched
        return BadInput(field, "gives a value that cannot be read; give order ids as text.")
    return BadInput(field, f"cannot be used ({said}); it must be one SELECT that only reads.")


def _took_too_long(source: Source, field: str) -> BadInput:
    return BadInput(field, f"took longer than {source.timeout:g} s; give it less to read.")

"""The schema of a ledger: is it ours, and making it so.

Migrations only go forwards. On SQLite whichever process comes first makes the schema; on a
server somebody says so (`order-worker migrate`), for old workers may still be running.
"""

import time
from pathlib import Path

from sqlalchemy import Connection, Select, inspect, select, table
from sqlalchemy import column as named

from worker import logs
from worker.errors import LedgerHeldUp, LedgerUnavailable, LedgerUndone, SchemaUnknown
from worker.ledger import former
from worker.ledger.database import Database
from worker.ledger.schema import HEAD, VERSION_TABLE

LOCK_SECONDS = 1.0  # that a migration waits for a lock
PATIENCE = 60.0  # seconds in which it tries to get them all

log = logs.get("worker.ledger")
VERSION: Select[str] = select(named("version_num")).select_from(table(VERSION_TABLE))


def find(database: Database) -> None:
    """Raise LedgerUnavailable where SQLite has no ledger and `ensure` would make one: whoever only
    looks has another in mind, of another folder.
    """
    if not database.is_sqlite:
        return
    if not database.is_missing:
        with database.read() as connection:
            if _version(connection) is not None:
                return
    raise LedgerUnavailable(
        f"There is no ledger at {database.shown_url}: a worker or `order-worker migrate` makes one;"
        " or correct ledger.url, which may be relative to the folder that you are in."
    )


def ensure(database: Database) -> None:
    """Make the schema on SQLite; elsewhere refuse a ledger that was not migrated.

    Raises SchemaUnknown with what to do. A worker that runs already goes on while it is
    migrated, and beyond: a migration only adds what older versions pass over. If one ever takes
    away what they use, they end at their first statement that misses it, and say so.
    """
    with database.read() as connection:
        found = _version(connection)
    if found == HEAD:
        return
    if database.is_sqlite and (found is None or found < HEAD):
        if upgrade(database) is None:  # a shop in another folder would not notice otherwise
            log.warning("a new ledger was made", ledger=database.shown_url)
        return
    what = "has no schema" if found is None else f"has the schema {found}, this version {HEAD}"
    todo = (
        "run `order-worker migrate`"
        if found is None or found < HEAD
        else "install the version of order-worker that belongs to it"
    )
    raise SchemaUnknown(f"The ledger {database.shown_url} {what}: {todo}.")


def upgrade(database: Database) -> str | None:
    """Bring the schema to this version's; the version that was found. Safe to run at once twice,
    and with old workers at work.

    A migration waits for its locks, and everybody else behind it, for `LOCK_SECONDS` at most; then
    it lets them pass, and tries again. Raises SchemaUnknown for the schema of a newer version, or
    of another program, LedgerHeldUp when the tables were in use for `PATIENCE`.
    """
    give_up_at = time.monotonic() + PATIENCE
    while True:
        try:
            return _upgrade(database)
        except (LedgerHeldUp, LedgerUndone):
            if time.monotonic() > give_up_at:
                raise
        log.info("the tables are in use: the migration lets others pass", ledger=database.shown_url)
        time.sleep(LOCK_SECONDS)


def _upgrade(database: Database) -> str | None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.transaction() as connection:
        database.be_impatient(connection, LOCK_SECONDS)
        database.queue_for(connection, ["the ledger's schema"])
        found = _version(connection)
        if found != HEAD:
            former.rename(connection)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise SchemaUnknown(
                    f"The ledger {database.shown_url} cannot be brought to the schema {HEAD}:"
                    f" {error}."
                ) from None
    return found


def _version(connection: Connection) -> str | None:
    if inspect(connection).has_table(VERSION_TABLE):
        return connection.execute(VERSION).scalar()
    return former.VERSION if former.is_there(connection) else None

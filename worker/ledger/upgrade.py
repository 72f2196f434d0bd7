"""The schema of a ledger: is it ours, and making it so.

Migrations only go forwards. On SQLite whichever process comes first makes the schema; on a
server somebody says so (`order-worker migrate`), for old workers may still be running.
"""

from pathlib import Path

from sqlalchemy import Connection, Select, inspect, select, table
from sqlalchemy import column as named

from worker import logs
from worker.errors import LedgerUnavailable
from worker.ledger import former
from worker.ledger.database import Database
from worker.ledger.schema import HEAD, VERSION_TABLE

log = logs.get("worker.ledger")
VERSION: Select[str] = select(named("version_num")).select_from(table(VERSION_TABLE))


def ensure(database: Database) -> None:
    """Make the schema on SQLite; elsewhere refuse a ledger that was not migrated.

    Raises LedgerUnavailable with what to do.
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
    raise LedgerUnavailable(f"The ledger {database.shown_url} {what}: {todo}.")


def upgrade(database: Database) -> str | None:
    """Bring the schema to this version's; the version that was found. Safe to run at once twice.

    Raises LedgerUnavailable for the schema of a newer version, or of another program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.transaction() as connection:
        database.queue_for(connection, ["the ledger's schema"])
        found = _version(connection)
        if found != HEAD:
            former.rename(connection)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise LedgerUnavailable(
                    f"The ledger {database.shown_url} cannot be brought to the schema {HEAD}:"
                    f" {error}."
                ) from None
    return found


def _version(connection: Connection) -> str | None:
    if inspect(connection).has_table(VERSION_TABLE):
        return connection.execute(VERSION).scalar()
    return former.VERSION if former.is_there(connection) else None

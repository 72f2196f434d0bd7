"""Which database is this? A job recorded in a copy of the ledger would never run."""

import functools
import os

from sqlalchemy import String, literal_column, select, text

from worker.ledger.database import Database, Statements

# The server, the database on it, and the schema in that.
OF_POSTGRESQL = literal_column(
    "(SELECT concat(system_identifier, '/', (SELECT oid FROM pg_database WHERE datname ="
    " current_database()), '/', CAST(to_regclass('jobs') AS oid)) FROM pg_control_system())",
    String,
)
SQLITE_FILES = text("PRAGMA database_list")


@functools.lru_cache(maxsize=8)
def of_ledger(database: Database) -> str:
    """What tells this ledger from every other. Raises LedgerUnavailable."""
    with database.read() as connection:
        if database.is_sqlite:
            return sqlite_file(connection)
        return str(connection.execute(select(OF_POSTGRESQL)).scalar_one())


def sqlite_file(connection: Statements) -> str:
    """The file that a connection's tables are in; nothing if they are in memory."""
    files = {row.name: row.file for row in connection.execute(SQLITE_FILES)}
    return os.path.realpath(files["main"]) if files["main"] else ""

"""The very first ledgers, whose tables had the names that a shop and Alembic would take, too."""

from sqlalchemy import Connection, Select, inspect, select, table, text
from sqlalchemy import column as named

from worker.ledger.schema import PREFIX, VERSION_TABLE

VERSION = "0001"
VERSIONS = "alembic_version"
FOUND: Select[str] = select(named("version_num")).select_from(table(VERSIONS))
TABLES = (
    *("jobs", "attempts", "orders", "transitions", "buckets"),
    *("schedules", "aliases", "results", "groups"),
)
OURS_ALONE = "lease_token"  # a column of `jobs`
INDEXES = {
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE schemaname = current_schema() AND tablename = :name",
    "sqlite": "SELECT name, sql FROM sqlite_master"
    " WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :name",
}


def is_there(connection: Connection) -> bool:
    """Whether this is such a ledger; a shop's own tables never are."""
    tables = inspect(connection)
    if not all(tables.has_table(name) for name in (VERSIONS, *TABLES)):
        return False
    is_ours = any(each["name"] == OURS_ALONE for each in tables.get_columns("jobs"))
    return is_ours and connection.execute(FOUND).scalars().all() == [VERSION]


def rename(connection: Connection) -> None:
    """Give its tables and indexes the names that they have now, if it is one."""
    if not is_there(connection):
        return
    connection.execute(text(f"ALTER TABLE {VERSIONS} RENAME TO {VERSION_TABLE}"))
    for name in TABLES:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {PREFIX}{name}"))
        _rename_indexes(connection, name)


def _rename_indexes(connection: Connection, of_table: str) -> None:
    dialect = connection.dialect.name
    found = connection.execute(text(INDEXES[dialect]), {"name": PREFIX + of_table}).all()
    for name, made in found:
        if not name.startswith(f"{of_table}_") or name.endswith(("_pkey", "_id_key")):
            continue  # a constraint's
        if dialect == "postgresql":
            connection.execute(text(f"ALTER INDEX {name} RENAME TO {PREFIX}{name}"))
        else:  # SQLite can rename none
            connection.execute(text(f"DROP INDEX {name}"))
            connection.execute(text(made.replace(f"INDEX {name} ", f"INDEX {PREFIX}{name} ", 1)))

"""Alembic's entry: migrations run on the connection that `upgrade` hands over."""

from alembic import context

from worker.ledger.schema import VERSION_TABLE, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite can roll a schema back too; half a migration must not stay.
    transactional_ddl=True,
)
context.run_migrations()

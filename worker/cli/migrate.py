"""`order-worker migrate`: bring the ledger's schema to this version's."""

import click

from worker.cli import session


@click.command("migrate", short_help="Bring the ledger's schema to this version's.")
def command() -> None:
    """Bring the ledger's schema to this version's; done already, it changes nothing."""
    from alembic.util.exc import CommandError

    from worker import bootstrap
    from worker.errors import LedgerUnavailable
    from worker.ledger import upgrade
    from worker.ledger.schema import HEAD

    database = bootstrap.build(session.settings()).ledger.database
    try:
        found = upgrade.upgrade(database)
    except CommandError as error:  # a newer version's schema, or another program's
        raise LedgerUnavailable(
            f"The ledger {database.shown_url} cannot be brought to the schema {HEAD}: {error}."
        ) from None
    if found == HEAD:
        click.echo(f"The ledger {database.shown_url} has the schema {HEAD} already.")
    else:
        click.echo(f"The ledger {database.shown_url} has the schema {HEAD} now.")

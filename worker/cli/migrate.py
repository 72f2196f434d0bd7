"""`order-worker migrate`: bring the ledger's schema to this version's."""

import click

from worker.cli import session


@click.command("migrate", short_help="Bring the ledger's schema to this version's.")
def command() -> None:
    """Bring the ledger's schema to this version's; done already, it changes nothing."""
    from worker import bootstrap
    from worker.ledger import upgrade
    from worker.ledger.schema import HEAD

    database = bootstrap.build(session.settings()).ledger.database
    found = upgrade.upgrade(database)
    if found == HEAD:
        click.echo(f"The ledger {database.shown_url} has the schema {HEAD} already.")
    else:
        click.echo(f"The ledger {database.shown_url} has the schema {HEAD} now.")

"""`order-worker quotas`: each bucket's numbers, its tokens now, and who waits for them."""

import click

from worker.cli import printing, session
from worker.cli.printing import lately, plain
from worker.cli.tables import Column, table

COLUMNS = (
    Column("seller"),
    Column("operation"),
    Column("tokens"),
    Column("per second", leaves=5),
    Column("in flight", leaves=3),
    Column("ready"),
    Column("closed for"),
    Column("until"),
    Column("throttles", leaves=4),
    Column("last throttled", leaves=2),
)
ASSUMED = "assumed"  # the source of a number that no page of a provider gives


@click.command("quotas", short_help="Show every quota and its tokens now.")
@printing.as_json
def command(as_json: bool) -> None:
    """Show every bucket: its numbers, its tokens now, and who waits; times are UTC.

    With --json also where the numbers come from.
    """
    from worker.ledger import standings

    found = standings.quotas(session.runtime().ledger)
    if as_json:
        printing.array(found)
        return
    table(
        COLUMNS,
        (
            (
                quota["seller"],
                quota["operation"],
                f"{quota['tokens']:.1f} of {quota['capacity']:g}",
                quota["restore_rate"],
                quota["in_flight"],
                quota["ready"],
                quota["closed_for"],
                lately(quota["open_at"]),
                quota["throttles"],
                lately(quota["throttled_at"]),
            )
            for quota in found
        ),
    )
    assumed = dict.fromkeys(plain(q["seller"]) for q in found if q["source"] == ASSUMED)
    if assumed:
        click.echo(f"Assumed, since the provider publishes no numbers: {', '.join(assumed)}.")

"""`order-worker quotas`: each bucket's numbers, its tokens now, and who waits for them."""

from collections.abc import Mapping
from typing import Any

import click

from worker.cli import printing, session
from worker.cli.printing import lately, moment, plain
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
    Column("learned", leaves=6),
    Column("throttles", leaves=4),
    Column("last throttled", leaves=2),
)
ASSUMED = "assumed"  # the source of a number that no page of a provider gives


@click.command("quotas", short_help="Show every quota and its tokens now.")
@printing.as_json
def command(as_json: bool) -> None:
    """Show every bucket: its numbers, its tokens now, and who waits; times are UTC.

    "learned" is the rate that throttles have shown to be free, where it is less than the
    configured one; below the table stands which answer showed it, and when. With --json also
    where the numbers come from.
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
                quota["learned_rate"] and f"{quota['learned_rate']:.3g}",
                quota["throttles"],
                lately(quota["throttled_at"]),
            )
            for quota in found
        ),
    )
    for quota in found:
        if quota["learned_rate"] is not None:
            click.echo(_evidence(quota))
    assumed = dict.fromkeys(plain(q["seller"]) for q in found if q["source"] == ASSUMED)
    if assumed:
        click.echo(f"Assumed, since the provider publishes no numbers: {', '.join(assumed)}.")


def _evidence(quota: Mapping[str, Any]) -> str:
    return (
        f"{plain(quota['seller'])} {quota['operation']}: {quota['learned_rate']:.3g} a second are"
        f" free, not {quota['restore_rate']:g}: {plain(quota['learned_from'])}"
        f" at {moment(quota['learned_at'])}"
    )

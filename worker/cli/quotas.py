"""`order-worker quotas`: each bucket's numbers, its tokens now, and who waits for them."""

import click

from worker.cli import printing, session
from worker.cli.printing import moment

HEADINGS = (
    "seller",
    "operation",
    "tokens",
    "capacity",
    "per second",
    "in flight",
    "ready",
    "closed for",
    "until (UTC)",
    "throttles",
    "last throttled",
    "source",
)


@click.command("quotas", short_help="Show every quota and its tokens now.")
@printing.as_json
def command(as_json: bool) -> None:
    """Show every bucket: its numbers and where they come from, its tokens now, who waits."""
    from worker.ledger import standings

    found = standings.quotas(session.runtime().ledger)
    if as_json:
        printing.array(found)
        return
    printing.table(
        HEADINGS,
        (
            (
                quota["seller"],
                quota["operation"],
                f"{quota['tokens']:.1f}",
                quota["capacity"],
                quota["restore_rate"],
                quota["in_flight"],
                quota["ready"],
                quota["closed_for"],
                moment(quota["open_at"]),
                quota["throttles"],
                moment(quota["throttled_at"]),
                quota["source"],
            )
            for quota in found
        ),
    )

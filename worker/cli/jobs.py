"""`order-worker jobs`: the newest jobs, and what each is doing."""

import click

from worker.cli import printing, session
from worker.cli.failures import say
from worker.cli.printing import lately, plain, short, status
from worker.cli.tables import Column, table

STATES = ("waiting", "running", "in_doubt", "succeeded", "rejected", "failed", "withdrawn")
COLUMNS = (
    Column("job"),
    Column("task", leaves=3),
    Column("seller", leaves=4),
    Column("order"),
    Column("state"),
    Column("requests", leaves=2),
    Column("accepted"),
    Column("finished", leaves=1),
)


@click.command("jobs", short_help="List jobs, the newest first.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Repeatable.")
@click.option("--seller", help="Only jobs of this seller.")
@click.option("--task", type=click.Choice(("confirm", "cancel")))
@click.option("--order", "order_id", help="Only jobs of this order.")
@click.option("--before", metavar="JOB", help="Only jobs older than this one: the next page.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@printing.as_json
def command(
    states: tuple[str, ...],
    seller: str | None,
    task: str | None,
    order_id: str | None,
    before: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, the newest first; times are UTC. Buyers' details are left to `show`."""
    from worker.cli.naming import one_job
    from worker.ledger import queries
    from worker.ledger.queries import Filters

    now = session.runtime()
    ledger = now.ledger
    if seller is not None and seller not in now.sellers:  # there may be jobs of before
        known = ", ".join(now.sellers) or "none"
        say(f"The seller {plain(seller)} is not configured; there are {plain(known)}.")
    oldest = one_job(ledger, before) if before is not None else None
    found = queries.find(ledger, Filters(states, seller, task, order_id, oldest), limit)
    if as_json:
        printing.array(found)
        return
    table(
        COLUMNS,
        (
            (
                short(job["id"]),
                job["task"],
                job["seller"],
                job["order_id"],
                status(job),
                job["attempt_count"],
                lately(job["accepted_at"]),
                lately(job["finished_at"]),
            )
            for job in found
        ),
    )

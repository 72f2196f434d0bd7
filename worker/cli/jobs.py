"""`order-worker jobs`: the newest jobs, and what each is doing."""

import click

from worker.cli import printing, session
from worker.cli.printing import moment, short, status

STATES = ("waiting", "running", "in_doubt", "succeeded", "rejected", "failed", "withdrawn")
HEADINGS = ("job", "task", "seller", "order", "state", "attempts", "accepted (UTC)", "finished")


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
    """List jobs, the newest first. Buyers' details are left to `show`."""
    from worker.cli.naming import one_job
    from worker.ledger import queries
    from worker.ledger.queries import Filters

    ledger = session.runtime().ledger
    oldest = one_job(ledger, before) if before is not None else None
    found = queries.find(ledger, Filters(states, seller, task, order_id, oldest), limit)
    if as_json:
        printing.array(found)
        return
    printing.table(
        HEADINGS,
        (
            (
                short(job["id"]),
                job["task"],
                job["seller"],
                job["order_id"],
                status(job),
                job["attempt_count"],
                moment(job["accepted_at"]),
                moment(job["finished_at"]),
            )
            for job in found
        ),
    )

"""`order-worker jobs`: the newest jobs, and what each is doing."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from worker.cli import attention, printing, session
from worker.cli.failures import say
from worker.cli.printing import lately, plain, short, status
from worker.cli.tables import Column, table

if TYPE_CHECKING:
    from worker.domain.retries import Schedule
    from worker.settings.sweeps import Retry

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
@click.option(
    "--needs-attention",
    is_flag=True,
    help="Only jobs that need a person or the buyer, each with what to do.",
)
@click.option("--before", metavar="JOB", help="Only jobs older than this one: the next page.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@printing.as_json
def command(
    states: tuple[str, ...],
    seller: str | None,
    task: str | None,
    order_id: str | None,
    needs_attention: bool,
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
    filters = Filters(
        states, seller, task, order_id, oldest, needs_attention, _schedule(now.settings.retry)
    )
    found = queries.find(ledger, filters, limit)
    if as_json:
        printing.array(found)
        return
    if needs_attention:
        _tell_what_to_do(found)
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


def _schedule(section: "Retry | None") -> "Schedule | None":
    from worker.domain.retries import Schedule

    return Schedule(section.since, section.at_most) if section else None


def _tell_what_to_do(found: Iterator[Mapping[str, Any]]) -> None:
    """A sentence is no cell of a table: a few lines for each job."""
    first = next(found, None)
    if first is None:
        say("No job needs a person or the buyer.")
        return
    for job in chain([first], found):
        for line in attention.lines(job):
            click.echo(line)

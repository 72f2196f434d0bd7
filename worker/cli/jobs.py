"""`order-worker jobs`: the newest jobs, and what each is doing."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from worker.cli import attendance, attention, listing, printing, session, watching
from worker.cli.completing import JOB, SELLER
from worker.cli.durations import DURATION
from worker.cli.failures import say
from worker.cli.listing import AWAITED, STATES, TASKS
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.domain.retries import Schedule
    from worker.settings.sweeps import Retry


@click.command("jobs", short_help="List jobs, the newest first.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Repeatable.")
@click.option("--seller", type=SELLER, help="Only jobs of this seller.")
@click.option("--task", type=click.Choice(TASKS))
@click.option("--order", "order_id", help="Only jobs of this order.")
@click.option(
    "--needs-attention",
    is_flag=True,
    help="Only jobs that need a person or the buyer, each with what to do.",
)
@click.option(
    "--waiting-for", multiple=True, type=click.Choice(AWAITED), help="Only jobs that wait for it."
)
@click.option("--since", type=DURATION, help="Only jobs accepted within this time: 30m, 24h.")
@click.option("--until", type=DURATION, help="Only jobs accepted longer ago than this.")
@click.option(
    "--before", metavar="JOB", type=JOB, help="Only jobs older than this one: the next page."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--watch", is_flag=True, help="Draw them anew each second, until Ctrl-C.")
@printing.as_json
def command(
    states: tuple[str, ...],
    seller: str | None,
    task: str | None,
    order_id: str | None,
    needs_attention: bool,
    waiting_for: tuple[str, ...],
    since: float | None,
    until: float | None,
    before: str | None,
    limit: int,
    watch: bool,
    as_json: bool,
) -> None:
    """List jobs, the newest first; times are UTC. Buyers' details are left to `show`."""
    from worker.cli.naming import one_job
    from worker.ledger import queries
    from worker.ledger.filters import Filters

    if watch and (as_json or needs_attention):
        raise click.UsageError("--watch draws a table: leave --json and --needs-attention out.")
    now = session.runtime()
    ledger = now.ledger
    if seller is not None and seller not in now.sellers:  # there may be jobs of before
        known = ", ".join(now.sellers) or "none"
        say(f"The seller {plain(seller)} is not configured; there are {plain(known)}.")
    oldest = one_job(ledger, before) if before is not None else None
    filters = Filters(
        states=states,
        seller=seller,
        task=task,
        order_id=order_id,
        before=oldest,
        needs_attention=needs_attention,
        schedule=_schedule(now.settings.retry),
        waiting_for=waiting_for,
        since=since,
        until=until,
    )
    if watch:
        watching.watch(lambda: queries.find(ledger, filters, limit))
        return
    found = queries.find(ledger, filters, limit)
    if as_json:
        printing.array(found)
    elif needs_attention:
        _tell_what_to_do(found)
    else:
        listing.show(found)
    attendance.warn(now)


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

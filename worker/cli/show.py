"""`order-worker show`: what happened to a job, or to all jobs of an order."""

import click

from worker.cli import attendance, printing, session
from worker.cli.completing import JOB


@click.command("show", short_help="Tell what happened to a job or an order.")
@click.argument("name", metavar="JOB_OR_ORDER", type=JOB)
@printing.as_json
def command(name: str, as_json: bool) -> None:
    """Tell what happened to a job (its id or the beginning of it), or to all jobs of an order, and
    who kept the order from the sweeps.

    With --json a job is one object, and an order an array; the receipt of a confirm has the
    buyer's details there.
    """
    from worker.cli import timeline
    from worker.cli.naming import meant
    from worker.ledger import queries

    now = session.runtime()
    ledger = now.ledger
    ids = meant(ledger, name)
    found = queries.of_ids(ledger, [ids] if isinstance(ids, str) else ids, details=as_json)
    if any(job["finished_at"] is None for job in found):
        attendance.warn(now)
    if as_json:
        printing.array(found) if isinstance(ids, list) else printing.single(found[0])
        return
    for place, job in enumerate(found):
        if place:
            click.echo()
        for line in timeline.lines(job):
            click.echo(line)
    for each in queries.done_to(ledger, name) if isinstance(ids, list) else ():
        click.echo(timeline.of_order(each))

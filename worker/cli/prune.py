"""`order-worker prune`: forget now what is older than it is to be kept."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from worker.cli import printing, progress, session
from worker.cli.acting import Terms, terms
from worker.cli.failures import say
from worker.cli.interruption import BY_SIGNAL, stopped_between
from worker.domain.telling import lasting

if TYPE_CHECKING:
    from worker.bootstrap import Runtime
    from worker.domain.retention import Retention
    from worker.ledger.retention.pruned import Pruned

WORDS = {
    "details": "buyers' details of {} receipt{}",
    "jobs": "{} job{}",
    "orders": "{} order{}",
    "results": "{} result{} of other tasks",
    "groups": "{} group{}",
    "chords": "{} chord{}",
}


@click.command("prune", short_help="Forget what is older than it is to be kept.")
@terms
def command(terms: Terms) -> None:
    """Forget now what is older than keep_buyer_details and keep_jobs, as workers do by themselves.

    An order goes as a whole, with its jobs and all that happened to them, and never while one of
    them is open, in doubt, or has something to follow it.
    """
    now = session.runtime()
    keep = now.settings.worker.retention()
    if terms.dry_run:
        _tell(_sum(now, keep, dry_run=True), keep, terms)
        return
    asks = not terms.yes and session.somebody_answers()
    if asks and not _agreed(_sum(now, keep, dry_run=True), keep):
        say("Nothing was forgotten.")
        return
    with stopped_between() as stopped_by:
        pruned = _sum(now, keep, stopped_by=stopped_by, terms=terms)
        signal = stopped_by()
    _tell(pruned, keep, terms)
    if signal is not None:
        say("interrupted: the rest is as it was.")
        raise click.exceptions.Exit(BY_SIGNAL + signal)


def _sum(
    now: "Runtime",
    keep: "Retention",
    *,
    dry_run: bool = False,
    stopped_by: Callable[[], int | None] = lambda: None,
    terms: Terms | None = None,
) -> "Pruned":
    """What goes, or with `dry_run` would go; as far as it came."""
    from worker.ledger.retention import pruning
    from worker.ledger.retention.pruned import Pruned

    pruned = Pruned()
    with progress.shown(None, as_json=bool(terms and terms.as_json)) as tick:
        for step in pruning.prune(now.ledger.database, keep, session.person(), dry_run=dry_run):
            pruned += step
            tick(step.details + step.jobs + step.results)
            if stopped_by() is not None:
                break
    return pruned


def _agreed(would: "Pruned", keep: "Retention") -> bool:
    if not would:
        return True
    say(f"{_words(would)}: {_because(keep)}.")
    return click.confirm("Forget them for good?", err=True)


def _tell(pruned: "Pruned", keep: "Retention", terms: Terms) -> None:
    if terms.as_json:
        printing.single({"dry_run": terms.dry_run, **asdict(pruned)})
        return
    verb = "would be" if terms.dry_run else "were" if pruned else "was"
    click.echo(f"{_words(pruned)} {verb} forgotten: {_because(keep)}.")


def _words(pruned: "Pruned") -> str:
    told = [
        WORDS[name].format(count, "" if count == 1 else "s")
        for name, count in asdict(pruned).items()
        if count
    ]
    return ", ".join(told) if told else "nothing"


def _because(keep: "Retention") -> str:
    return (
        f"buyers' details are kept for {lasting(keep.keep_buyer_details)}, jobs for"
        f" {lasting(keep.keep_jobs)}"
    )

"""`order-worker retry`: try failed jobs again."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from worker.cli import acting, listing, naming, session
from worker.cli.completing import JOB, SELLER
from worker.cli.durations import DURATION
from worker.cli.failures import say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.domain.jobs import Job
    from worker.ledger.ledger import Ledger

RETRIED = "retried"
DOUBT = "outcome_unknown"


@click.command("retry", short_help="Try failed jobs again.")
@click.argument("job", nargs=-1, type=JOB)
@click.option("--task", type=click.Choice(("confirm", "cancel")), help="All that failed of it.")
@click.option("--state", type=click.Choice(("failed",)), help="The one that can be retried.")
@click.option("--since", type=DURATION, help="All that failed within this time: 30m, 24h.")
@click.option("--seller", type=SELLER, help="All that failed of this seller.")
@click.option("--limit", type=click.IntRange(min=1), help="No more than this, earliest first.")
@click.option("--why", default="", help="Kept with the job.")
@acting.terms
def command(
    job: tuple[str, ...],
    task: str | None,
    state: str | None,
    since: float | None,
    seller: str | None,
    limit: int | None,
    why: str,
    terms: acting.Terms,
) -> None:
    """Try failed jobs again: those that are named, or all that the options describe.

    A job keeps its history; its attempts and its time begin anew. What may have been applied
    is looked up first. Exit code 1 if one of them was left alone, 2 if one is no job.
    """
    from worker.ledger import queries

    described = any(each is not None for each in (task, state, since, seller))
    if bool(job) == described or (job and limit is not None):
        raise click.UsageError(
            "Name jobs, or describe them with --task, --since, --seller or --state failed."
        )
    ledger = session.runtime().ledger
    if described:
        ids, unknown = _described(ledger, since, task, seller, limit), 0
    else:
        ids, unknown = naming.jobs_of(ledger, job)
    person = session.person()
    acting.act(
        acting.Deed("retry", RETRIED),
        ids,
        unknown,
        do=lambda job_id: _retry(ledger, job_id, person, why),
        show=partial(listing.show_ids, ledger),
        orders=partial(queries.orders_of, ledger),
        terms=terms,
    )


def _described(
    ledger: "Ledger",
    since: float | None,
    task: str | None,
    seller: str | None,
    limit: int | None,
) -> list[str]:
    """The failed jobs that fit, the earliest failure first; says what they are."""
    from worker.ledger import retries

    chosen: list[Job] = []
    superseded = 0
    for each in retries.failed(ledger, since=since, task=task, seller=seller):
        if len(chosen) == limit:
            break
        superseded += each.superseded
        if not each.superseded:
            chosen.append(each.job)
    say(f"{_count(len(chosen))} to retry{_kinds(chosen)}.")
    if superseded:
        say(f"{_count(superseded)} left out: a newer job has taken the place of each.")
    return [job.id for job in chosen]


def _kinds(chosen: "Sequence[Job]") -> str:
    kinds = Counter((job.error or {}).get("kind") or "failed" for job in chosen)
    told = [
        f"{count} {plain(kind)}{' (looked up first)' if kind == DOUBT else ''}"
        for kind, count in kinds.most_common()
    ]
    return f": {', '.join(told)}" if told else ""


def _retry(ledger: "Ledger", job_id: str, person: str, why: str) -> acting.Result:
    from worker.ledger import retries

    refusal = retries.retry(ledger, job_id, actor=person, why=why).refusal
    said = RETRIED if refusal is None else f"not retried: {refusal}"
    return acting.Result(said, fits=refusal is None)


def _count(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"

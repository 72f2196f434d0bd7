"""`order-worker retry`: try failed jobs again."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from worker.cli import naming, printing, session
from worker.cli.durations import DURATION
from worker.cli.failures import BAD_INPUT, INTERRUPTED, NOT_SUCCEEDED, say
from worker.cli.interruption import stopped_between
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.domain.jobs import Job
    from worker.ledger.ledger import Ledger

RETRIED = "retried"
DOUBT = "outcome_unknown"


@click.command("retry", short_help="Try failed jobs again.")
@click.argument("job", nargs=-1)
@click.option("--task", type=click.Choice(("confirm", "cancel")), help="All that failed of it.")
@click.option("--state", type=click.Choice(("failed",)), help="The one that can be retried.")
@click.option("--since", type=DURATION, help="All that failed within this time: 30m, 24h.")
@click.option("--seller", help="All that failed of this seller.")
@click.option("--limit", type=click.IntRange(min=1), help="No more than this, earliest first.")
@click.option("--why", default="", help="Kept with the job.")
@click.option("--yes", is_flag=True, help="Do not ask, however many they are.")
@printing.as_json
def command(
    job: tuple[str, ...],
    task: str | None,
    state: str | None,
    since: float | None,
    seller: str | None,
    limit: int | None,
    why: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Try failed jobs again: those that are named, or all that the options describe.

    A job keeps its history; its attempts and its time begin anew. What may have been applied
    is looked up first. Exit code 1 if one of them was left alone, 2 if one is no job.
    """
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
    if len(ids) > 1 and not yes and not _agreed(len(ids)):
        say("Nothing was retried.")
        return
    told = _retry_each(ledger, ids, why, tell=not as_json)
    if as_json:
        printing.array(told)
    if len(told) < len(ids):
        raise click.exceptions.Exit(INTERRUPTED)
    if unknown:
        raise click.exceptions.Exit(BAD_INPUT)
    if any(each["result"] != RETRIED for each in told):
        raise click.exceptions.Exit(NOT_SUCCEEDED)


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


def _agreed(count: int) -> bool:
    """Asked about, if there is somebody to ask."""
    return not session.somebody_answers() or click.confirm(f"Retry {_count(count)}?", err=True)


def _retry_each(
    ledger: "Ledger", ids: Sequence[str], why: str, *, tell: bool
) -> list[dict[str, str]]:
    """What became of each; of fewer, if it was interrupted. Says how far it came, in any case."""
    person = session.person()
    told: list[dict[str, str]] = []
    try:
        with stopped_between() as is_stopped:
            for job_id in _shown(ids):
                if is_stopped():
                    break
                told.append({"id": job_id, "result": _retry(ledger, job_id, person, why)})
                if tell:
                    click.echo(f"{job_id}  {told[-1]['result']}")
    finally:
        _summarize(told, len(ids))
    return told


def _retry(ledger: "Ledger", job_id: str, person: str, why: str) -> str:
    from worker.ledger import retries

    refusal = retries.retry(ledger, job_id, actor=person, why=why).refusal
    return RETRIED if refusal is None else f"not retried: {refusal}"


def _summarize(told: Sequence[dict[str, str]], count: int) -> None:
    """How far it came, if that is not plain to see."""
    done = sum(each["result"] == RETRIED for each in told)
    refused = len(told) - done
    if count <= 1:
        return
    parts = [f"{done} of {count} retried"]
    if refused:
        parts.append(f"{refused} not, each for the reason above")
    if left := count - len(told):
        parts.append(f"{left} not come to, and as they were: the same command goes on with them")
    say(f"{'; '.join(parts)}.")


def _shown(ids: Sequence[str]) -> Iterator[str]:
    """The ids, with a bar while somebody looks at a terminal and the lines go elsewhere."""
    if len(ids) <= 1 or not sys.stderr.isatty() or sys.stdout.isatty():
        yield from ids
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=printing.console(sys.stderr), transient=True) as progress:
        bar = progress.add_task("", total=len(ids))
        for job_id in ids:
            yield job_id
            progress.advance(bar)


def _count(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"

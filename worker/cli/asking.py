"""What `confirm` and `cancel` have in common: record, publish, tell, and wait if asked to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from worker.cli import following, printing, session
from worker.cli.failures import BAD_INPUT, NOT_SUCCEEDED, say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.bootstrap import Runtime

PRIORITY = 10  # behind the checkout's 0

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Terms:
    """The options that both commands take."""

    seller: str
    priority: int
    key: str | None
    again: bool
    wait: bool
    as_json: bool


def orders(command: Command) -> Command:
    """The arguments: which orders, of whom."""
    command = click.argument("order_id", nargs=-1, required=True)(command)
    return click.option("--seller", required=True, help="The seller, as configured.")(command)


def terms(command: Command) -> Command:
    for option in (
        printing.as_json,
        click.option("--wait", is_flag=True, help="Wait until the jobs have ended."),
        click.option("--again", is_flag=True, help="Ask anew, even if it has succeeded before."),
        click.option("--key", help="The key of the request; by default task and order."),
        click.option(
            "--priority",
            type=int,
            default=PRIORITY,
            show_default=True,
            help="Smaller goes first; a checkout has 0.",
        ),
    ):
        command = option(command)
    return command


def ask(task: str, order_ids: Sequence[str], words: Mapping[str, Any], terms: Terms) -> None:
    """Record a job for each order and tell its id; with `wait`, follow them to their end.

    What is wrong with any of them is said before the first is recorded.
    """
    if terms.key is not None and len(order_ids) > 1:
        raise click.UsageError("--key names one request: give one order with it.")
    now = session.runtime()
    given = {name: value for name, value in words.items() if value is not None}
    given |= {"seller": terms.seller, "priority": terms.priority}
    given |= {"key": terms.key} if terms.key is not None else {}
    _check(now, task, order_ids, given)
    job_ids = [_record(now, task, order_id, given, terms) for order_id in order_ids]
    warn_of_broker()
    _tell(now, job_ids, terms)


def warn_of_broker() -> None:
    """One line if the broker took no message: the jobs are recorded all the same."""
    from worker import tasks

    if tasks.publishing.paused:
        say("The broker cannot be reached: recorded all the same; workers look into the ledger.")


def _check(now: "Runtime", task: str, order_ids: Sequence[str], words: Mapping[str, Any]) -> None:
    from worker.domain.jobs import Task
    from worker.errors import BadInput

    bad = 0
    for order_id in order_ids:
        try:
            now.producers.request(Task(task), (order_id,), words)
        except BadInput as error:
            say(f"{plain(order_id)}: {error}" if len(order_ids) > 1 else str(error))
            bad += 1
    if bad:
        raise click.exceptions.Exit(BAD_INPUT)


def _record(
    now: "Runtime", task: str, order_id: str, words: Mapping[str, Any], terms: Terms
) -> str:
    """Record one job through Celery's door; the id of the job that answers it."""
    from worker.app import app
    from worker.ledger import queries
    from worker.producers import new_id

    own_id = new_id()
    result = app.tasks[f"worker.{task}"].apply_async(
        (order_id,), {**words, "again": terms.again}, task_id=own_id
    )
    job_id = str(result.id)
    if not terms.as_json:
        (job,) = queries.of_ids(now.ledger, [job_id])
        asked = "" if job_id == own_id else "  (asked before; --again asks anew after a success)"
        click.echo(f"{plain(order_id)}  {job_id}  {printing.status(job)}{asked}")
    elif job_id != own_id:
        say(f"{plain(order_id)}: asked before, by job {job_id}.")
    return job_id


def _tell(now: "Runtime", job_ids: Sequence[str], terms: Terms) -> None:
    from worker.ledger import queries

    if not terms.wait:
        if terms.as_json:
            printing.array(queries.of_ids(now.ledger, job_ids))
        return
    ended = following.until_final(now.ledger, job_ids, tell=not terms.as_json)
    if terms.as_json:
        printing.array(ended)
    if any(job["state"] != "succeeded" for job in ended):
        raise click.exceptions.Exit(NOT_SUCCEEDED)

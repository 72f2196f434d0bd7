"""What `confirm` and `cancel` have in common: record, publish, tell, and wait if asked to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from worker.cli import following, printing, recording, session
from worker.cli.completing import SELLER
from worker.cli.failures import BAD_INPUT, NOT_SUCCEEDED, say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.bootstrap import Runtime
    from worker.domain.jobs import Request

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
    seller = click.option("--seller", type=SELLER, required=True, help="The seller, as configured.")
    return seller(command)


def terms(command: Command) -> Command:
    for option in (
        printing.as_json,
        click.option("--wait", is_flag=True, help="Wait until the jobs have ended."),
        click.option("--again", is_flag=True, help="Ask anew, even if it has succeeded before."),
        click.option("--key", help="The key of the request; by default task and order."),
        click.option(
            "--priority",
            type=int,
            default=recording.PRIORITY,
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
    now = session.asking()
    given = {name: value for name, value in words.items() if value is not None}
    given |= {"seller": terms.seller, "priority": terms.priority}
    given |= {"key": terms.key} if terms.key is not None else {}
    requests = _checked(now, task, order_ids, given)
    job_ids = [_record(now, request, terms) for request in requests]
    recording.warn_of_blindness(sum(not now.sellers.can_look_up(each) for each in requests))
    recording.warn_of_broker()
    _tell(now, job_ids, terms)


def _checked(
    now: "Runtime", task: str, order_ids: Sequence[str], words: Mapping[str, Any]
) -> "list[Request]":
    from worker.domain.jobs import Task
    from worker.errors import BadInput

    good: list[Request] = []
    several = len(order_ids) > 1
    for order_id in order_ids:
        try:
            good.append(now.producers.request(Task(task), (order_id,), words))
        except BadInput as error:
            say(f"{plain(order_id)}: {error}" if several else str(error))
    if len(good) < len(order_ids):
        if several:
            say("Nothing was recorded.")
        raise click.exceptions.Exit(BAD_INPUT)
    return good


def _record(now: "Runtime", request: "Request", terms: Terms) -> str:
    """Record one job, and publish it; the id of the job that answers the request."""
    from worker.ledger import queries

    accepted = now.producers.accept(request, recording.terms(again=terms.again))
    recording.publish(accepted, request)
    job_id, order_id = accepted.job_id, plain(request.order_id)
    if not terms.as_json:
        (job,) = queries.of_ids(now.ledger, [job_id])
        asked = "" if accepted.created else f"  ({_asked_before(job)})"
        click.echo(f"{order_id}  {job_id}  {printing.status(job)}{asked}")
    elif not accepted.created:
        say(f"{order_id}: asked before, by job {job_id}.")
    return job_id


def _asked_before(job: Mapping[str, Any]) -> str:
    anew = "; --again asks anew after a success" if job["state"] == "succeeded" else ""
    return f"asked before{anew}"


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

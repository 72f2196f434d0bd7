"""Which jobs a command acts on: those that are named, or all that options describe."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from worker.cli import naming
from worker.cli.completing import JOB, SELLER
from worker.cli.durations import DURATION
from worker.cli.listing import AWAITED, STATES, TASKS

if TYPE_CHECKING:
    from worker.ledger.ledger import Ledger

OPTIONS = {
    "seller": click.option("--seller", type=SELLER, help="All of this seller."),
    "task": click.option("--task", type=click.Choice(TASKS), help="All of this task."),
    "states": click.option(
        "--state", "states", multiple=True, type=click.Choice(STATES), help="All in this state."
    ),
    "waiting_for": click.option(
        "--waiting-for", multiple=True, type=click.Choice(AWAITED), help="All that wait for it."
    ),
    "order_id": click.option("--order", "order_id", help="All of this order."),
    "since": click.option(
        "--since", type=DURATION, help="All that were accepted within this time: 30m, 24h."
    ),
    "until": click.option(
        "--until", type=DURATION, help="All that were accepted longer ago than this."
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was typed: names of jobs, or the values of `OPTIONS`, and at most how many."""

    names: tuple[str, ...]
    described: dict[str, Any]
    limit: int | None

    def ids(self, ledger: "Ledger", *, withdrawable: bool = False) -> tuple[list[str], int]:
        """The ids, the oldest first if described; and how many names were no job, which is told.

        `withdrawable` is as of `Filters`: a condition more on those that are described.
        """
        from worker.ledger import queries
        from worker.ledger.filters import Filters

        if self.names:
            return naming.jobs_of(ledger, self.names)
        filters = Filters(**self.described, withdrawable=withdrawable)
        return queries.fitting(ledger, filters, self.limit), 0


def jobs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument JOB and the options that describe jobs, as one `choice`.

    Raises click's UsageError unless jobs are named or described, and not both.
    """

    @functools.wraps(command)
    def choosing(job: tuple[str, ...], limit: int | None, **values: Any) -> None:
        described = {name: values.pop(name) for name in OPTIONS}
        described = {name: value for name, value in described.items() if value not in (None, ())}
        if bool(job) == bool(described) or (job and limit is not None):
            flags = "--seller, --task, --state, --waiting-for, --order, --since or --until"
            raise click.UsageError(f"Name jobs, or describe them with {flags}.")
        command(choice=Choice(job, described, limit), **values)

    given: Callable[..., None] = choosing
    limit = click.option(
        "--limit", type=click.IntRange(min=1), help="No more than this, the oldest first."
    )
    for option in (limit, *reversed(OPTIONS.values())):
        given = option(given)
    return click.argument("job", nargs=-1, type=JOB)(given)

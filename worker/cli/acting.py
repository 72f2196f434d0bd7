"""What acts on many things: it says what it will do, asks, and tells how far it came.

Each thing is done in a transaction of its own. So wherever the command ends, by Ctrl-C, by
SIGTERM, by a ledger that goes away, each is done or as it was, and the same command goes on.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

import click

from worker.cli import printing, progress, session
from worker.cli.failures import BAD_INPUT, NOT_SUCCEEDED, say
from worker.cli.interruption import BY_SIGNAL, stopped_between
from worker.cli.printing import plain

Show: TypeAlias = Callable[[Sequence[str], IO[str]], None]
Orders: TypeAlias = Callable[[Sequence[str]], Mapping[str, str]]  # of jobs, by their ids

SHOWN = 10  # things that are listed before it is asked


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to each, in words: `Deed("withdraw", "withdrawn")`."""

    verb: str
    done: str
    noun: str = "job"

    def count(self, number: int) -> str:
        return f"{number} {self.noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one thing. `fits`: it is now as it was asked to be."""

    said: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """The options of `terms`."""

    yes: bool
    dry_run: bool
    as_json: bool


def terms(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all of its kind take, as one `terms`."""

    @functools.wraps(command)
    def acting(*, yes: bool, dry_run: bool, as_json: bool, **values: Any) -> None:
        command(terms=Terms(yes=yes, dry_run=dry_run, as_json=as_json), **values)

    given: Callable[..., None] = acting
    for option in (
        printing.as_json,
        click.option("--dry-run", is_flag=True, help="Only tell which they are."),
        click.option("--yes", is_flag=True, help="Do not ask, however many they are."),
    ):
        given = option(given)
    return given


def act(
    deed: Deed,
    ids: Sequence[str],
    unknown: int = 0,
    *,
    do: Callable[[str], Result],
    show: Show,
    orders: Orders,
    terms: Terms,
) -> None:
    """Do it to each, tell what became of it, and end with the exit code that says it all.

    `unknown` names were none, which has been told; `show` lists some of them as a table, `orders`
    knows the order of each.
    Several are asked about, where somebody at a terminal can answer. Raises click's Exit: 1 if
    one is not as it was asked to be, 2 if there were unknown names, 128 and the signal's number
    if one stopped it.
    """
    if terms.dry_run:
        _would(deed, ids, show, orders, terms)
    elif terms.yes or _agreed(deed, ids, show):
        _do_each(deed, orders(ids), ids, do, terms, unknown)
    else:
        say(f"Nothing was {deed.done}.")
    if unknown:
        raise click.exceptions.Exit(BAD_INPUT)


def _do_each(
    deed: Deed,
    order_ids: Mapping[str, str],
    ids: Sequence[str],
    do: Callable[[str], Result],
    terms: Terms,
    unknown: int,
) -> None:
    course = _Course(deed, len(ids))
    with stopped_between() as stopped_by, _progress(course, terms):
        try:
            told = course.told(ids, order_ids, do, stopped_by)
            if terms.as_json:
                printing.array(told)
            else:
                for each in told:
                    order_id = plain(each["order_id"])
                    click.echo(f"{plain(each['id'])}  {order_id}  {each['result']}")
        finally:
            course.stopped_by = stopped_by()
            course.tell()
    if course.stopped_by is not None:
        raise click.exceptions.Exit(BY_SIGNAL + course.stopped_by)
    if course.refused and not unknown:
        raise click.exceptions.Exit(NOT_SUCCEEDED)


def _would(deed: Deed, ids: Sequence[str], show: Show, orders: Orders, terms: Terms) -> None:
    if terms.as_json:
        order_ids = orders(ids)
        printing.array(
            {"id": each, "order_id": order_ids.get(each), "result": None} for each in ids
        )
    elif ids:
        show(ids, sys.stdout)
    say(f"{deed.count(len(ids))} would be {deed.done}, as far as their state lets them.")


def _agreed(deed: Deed, ids: Sequence[str], show: Show) -> bool:
    """One was meant; several are shown and asked about, if there is somebody to ask."""
    if len(ids) <= 1 or not session.somebody_answers():
        return True
    show(ids[:SHOWN], sys.stderr)
    if len(ids) > SHOWN:
        say(f"… and {len(ids) - SHOWN} more")
    return click.confirm(f"{deed.verb.capitalize()} {deed.count(len(ids))}?", err=True)


@dataclass(slots=True)
class _Course:
    """How far it came."""

    deed: Deed
    total: int
    done: int = 0
    refused: int = 0
    at_hand: bool = False
    stopped_by: int | None = None
    advance: Callable[[], None] = field(default=lambda: None)

    def told(
        self,
        ids: Sequence[str],
        order_ids: Mapping[str, str],
        do: Callable[[str], Result],
        stopped_by: Callable[[], int | None],
    ) -> Iterator[dict[str, str | None]]:
        for each in ids:
            if stopped_by() is not None:
                return
            self.at_hand = True
            result = do(each)
            self.at_hand = False
            self.done += result.fits
            self.refused += not result.fits
            self.advance()
            yield {"id": each, "order_id": order_ids.get(each), "result": result.said}

    def tell(self) -> None:
        """One sentence; none about one thing, which has said what became of it."""
        if self.total <= 1:
            return
        left = self.total - self.done - self.refused - self.at_hand
        parts = [f"{self.done} of {self.deed.count(self.total)} {self.deed.done}"]
        if self.refused:
            parts.append(f"{self.refused} could not be")
        if self.at_hand:
            parts.append("of 1 it is not known")
        if left:
            parts.append(f"the other {left} {'is as it was' if left == 1 else 'are as they were'}")
        whole = not (left or self.at_hand)
        say(f"{'' if whole else 'interrupted: '}{', '.join(parts)}.")


@contextmanager
def _progress(course: _Course, terms: Terms) -> Iterator[None]:
    """A bar below what is told, where there is more than one to act on."""
    if course.total <= 1:
        yield
        return
    with progress.shown(course.total, as_json=terms.as_json) as advance:
        course.advance = lambda: advance(1)
        yield

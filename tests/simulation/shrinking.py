"""Making a history that fails shorter, for as long as it fails in the same way."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.simulation.history import History
from tests.simulation.playing import Played, play

MOST_PLAYED = 600


def kind(wrong: str | None) -> str | None:
    """What is wrong, whichever job it is of and when."""
    first = (wrong or "").partition("\n")[0].partition(" (by ")[0].partition(", and S01")[0]
    return re.sub(r"[\d.'\[\]]+|job-", "", first) if wrong else None


def shrunk(played: Played, play: Callable[[History], Played] = play) -> Played:
    """The shortest history that was found from this one, as it was played."""
    wanted, left = kind(played.wrong), MOST_PLAYED
    goes_on = True
    while goes_on and left:
        goes_on = False
        for shorter in shorter_ones(played.history):
            left -= 1
            again = play(shorter)
            if kind(again.wrong) == wanted:
                played, goes_on = again, True
                break
            if not left:
                break
    return played


def shorter_ones(history: History) -> Iterator[History]:
    """Without some faults, without some acts, and simpler: the boldest first."""
    for without in _without(history.faults):
        yield replace(history, faults=without)
    for without in _without(history.acts):
        yield replace(history, acts=without)
    for workers in range(1, history.workers):
        yield replace(history, workers=workers)
    for slots in range(1, history.slots):
        yield replace(history, slots=slots)
    if history.policy != "patient":
        yield replace(history, policy="patient")
    for at, beginning in enumerate(history.orders):
        if beginning != "new":
            yield replace(history, orders=(*history.orders[:at], "new", *history.orders[at + 1 :]))
    for at, act in enumerate(history.acts):
        if act.after:
            sooner = replace(act, after=0.0)
            yield replace(history, acts=(*history.acts[:at], sooner, *history.acts[at + 1 :]))


def _without(parts: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    size = len(parts)
    while size:
        for at in range(0, len(parts), size):
            yield parts[:at] + parts[at + size :]
        size //= 2

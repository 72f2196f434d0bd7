"""Ctrl-C and SIGTERM, for what acts on one thing after the other."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

STOPPING = (signal.SIGINT, signal.SIGTERM)
BY_SIGNAL = 128  # plus the signal's number: the exit code, as shells have it


@contextmanager
def stopped_between() -> Iterator[Callable[[], int | None]]:
    """Give what tells which signal asked to stop, if one did: the step at hand ends first.

    A second signal does not wait for it. A step is a transaction, so that does no harm either.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    with _heard(ask):
        yield lambda: asked[0] if asked else None


@contextmanager
def stopped_at_once() -> Iterator[Callable[[], int | None]]:
    """As `stopped_between`, for what may wait long for its next step: the signal ends it."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise click.exceptions.Exit(BY_SIGNAL + number)

    with _heard(end):
        yield lambda: None


@contextmanager
def _heard(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before: dict[signal.Signals, Any] = {}
    try:
        for number in STOPPING:
            before[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread, where nobody presses keys
        yield
        return
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

"""Ctrl-C, for what acts on one thing after the other."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stopped_between() -> Iterator[Callable[[], bool]]:
    """Give what tells whether to stop: Ctrl-C lets the step at hand end, a second one does not.

    A step is a transaction, so that the second does no harm either.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before: Any = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not in the main thread, where nobody presses keys
        yield lambda: False
        return
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)

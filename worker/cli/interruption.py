"""Ctrl-C and SIGTERM, for what acts on one thing after the other."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

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

    before: dict[signal.Signals, Any] = {}
    try:
        for number in STOPPING:
            before[number] = signal.signal(number, ask)
    except ValueError:  # not in the main thread, where nobody presses keys
        yield lambda: None
        return
    try:
        yield lambda: asked[0] if asked else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

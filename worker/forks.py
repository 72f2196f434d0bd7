"""A gate that a fork waits at, and what the forked child makes anew.

The prefork pool forks again whenever a child has ended, while the dispatcher's thread works
in the parent. The child has that thread's locks and none of the thread: one that was held is held
for ever. So a thread holds the gate around each unit of its work, never while it waits for
something to happen, and the process forks only in between.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_gate = threading.RLock()  # a thread may fork within its own work
_renewals: list[Callable[[], None]] = []


@contextmanager
def held_off() -> Iterator[None]:
    """No fork within this block. It must end by itself: the worker's main loop may wait for it."""
    gate = _gate
    with gate:
        yield


def renew_in_child(forget: Callable[[], None]) -> None:
    """Call this in each forked child, before anything else of ours: it drops what is shared
    with the parent, without closing it.
    """
    _renewals.append(forget)


def _close() -> None:
    _gate.acquire()


def _open() -> None:
    _gate.release()


def _begin_anew() -> None:
    global _gate  # noqa: PLW0603 - the child's own, whoever held the parent's
    _gate = threading.RLock()
    for forget in _renewals:
        forget()


os.register_at_fork(before=_close, after_in_parent=_open, after_in_child=_begin_anew)

"""Waiting until a file is written to, with Linux' inotify; elsewhere one has to look.

SQLite's log and whoever writes to it are always on one machine, whose kernel tells.
"""

import ctypes
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

IN_MODIFY = 0x2  # <sys/inotify.h>
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
EVENTS = 65536  # bytes


@contextmanager
def to(path: str) -> Iterator[Callable[[float], bool] | None]:
    """A function that waits up to so many seconds for a write to the file, and says whether there
    was one since it was last asked. None where the kernel has no such thing, or no such file.
    """
    try:
        told = _watch(path)
    except (OSError, AttributeError):
        yield None
        return
    poll = select.poll()
    poll.register(told, select.POLLIN)

    def written(seconds: float) -> bool:
        if not poll.poll(seconds * 1000.0):
            return False
        with suppress(BlockingIOError):
            while os.read(told, EVENTS):
                pass
        return True

    try:
        yield written
    finally:
        os.close(told)


def _watch(path: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    told = int(libc.inotify_init1(FLAGS))
    if told < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    if libc.inotify_add_watch(told, os.fsencode(path), IN_MODIFY) < 0:
        os.close(told)
        raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
    return told

"""Whether this worker has been told to end: nothing new is begun, and no wait goes on.

One byte that a worker shares with the children of its prefork pool, which hear of no signal. It
is looked at rather than waited for: a signal's handler may set it, and no lock is forked.
"""

import mmap
import time

LOOK_SECONDS = 0.05  # how soon a job that waits in its slot sees it

_told: bytearray | mmap.mmap = bytearray(1)


def arrive() -> None:
    """A worker begins here; the children that it forks will hear when it leaves."""
    global _told  # noqa: PLW0603 - a worker forked by another program has a byte of its own
    _told = mmap.mmap(-1, 1)


def begin() -> None:
    """From now on this worker leaves. Safe within a signal's handler."""
    _told[0] = 1


def has_begun() -> bool:
    return _told[0] != 0


def sleep(seconds: float) -> None:
    """Sleep, but no longer than the worker stays."""
    until = time.monotonic() + seconds
    while not has_begun() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))

"""Until when a thread may send: the end of the lease under which it works.

The executor looks at its lease before a request is signed. A process that is stopped just after
and goes on hours later would send all the same; so the socket is given no time beyond the lease.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_end: ContextVar[float] = ContextVar("end", default=math.inf)


@contextmanager
def until(end: float) -> Iterator[None]:
    """Within this block nothing is sent after `end`, of `clock.elapsed()`."""
    token = _end.set(end)
    try:
        yield
    finally:
        _end.reset(token)


def ends() -> float:
    return _end.get()

"""Loggers, for every module: structlog, and what `loglines` makes with it, load at the first line.

`import worker` is a part of each start of a shop's processes, which may never log anything.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger


def get(name: str) -> "BoundLogger":
    """The logger of a module: `log.info("parked", job=job.id)`."""
    return cast("BoundLogger", _AtFirstLine(name))


def bind(**words: object) -> AbstractContextManager[None]:
    """Add words (job, seller, order, operation, attempt) to every line of a block."""
    from structlog.contextvars import bound_contextvars

    return bound_contextvars(**words)


class _AtFirstLine:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        from worker import loglines

        return getattr(loglines.logger(self._name), method)

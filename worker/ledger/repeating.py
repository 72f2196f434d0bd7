"""A verb of the ledger is tried once more where the database has undone its transaction.

Nothing was written then: a deadlock had another victim to choose, or the connection was lost
before the commit. The second time the others are done, and the connection is new. A verb that
is undone twice tells its caller, who waits before it asks again.

A commit whose answer was lost is not repeated here: see `holds.is_held`, `settlements` and
`acceptance` for what each of them makes of it.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from worker import logs
from worker.errors import LedgerUndone

Words = ParamSpec("Words")
Answer = TypeVar("Answer")

log = logs.get("worker.ledger")


def once_more(verb: Callable[Words, Answer]) -> Callable[Words, Answer]:
    """For a function whose whole effect is one write transaction."""

    @functools.wraps(verb)
    def tried(*args: Words.args, **kwargs: Words.kwargs) -> Answer:
        try:
            return verb(*args, **kwargs)
        except LedgerUndone as error:
            log.info("tried once more", verb=verb.__name__, error=str(error.__cause__))
        return verb(*args, **kwargs)

    return tried

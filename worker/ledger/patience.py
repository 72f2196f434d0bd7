"""A connection to PostgreSQL that does not wait for an answer for ever.

A server that is gone is noticed by the network. One that is frozen, or a proxy in front of it,
holds the connection and acknowledges all that it is sent: only whoever waits can notice that.
"""

import functools
from collections.abc import Generator
from typing import Any

from worker.clock import elapsed

ANSWER_SECONDS = 20.0  # for one round trip; a lock is waited for half as long


@functools.cache
def connection_class() -> Any:
    """Psycopg's connection, with `is_bounded`: whether each of its waits has an end."""
    import psycopg  # an extra

    class BoundedConnection(psycopg.Connection[Any]):
        is_bounded = False

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.prepared: dict[str, bytes] = {}  # names of the server's, by statement

        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            if self.is_bounded:
                gen = self._bounded(gen)
            return super().wait(gen, *args, **kwargs)

        def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            """Psycopg asks ten times a second whether there is something, and is told if not."""
            until = elapsed() + ANSWER_SECONDS
            try:
                wanted = next(gen)
                while True:
                    ready = yield wanted
                    if not ready and elapsed() > until:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:g} s")
                    wanted = gen.send(ready)
            except StopIteration as end:
                return end.value

    return BoundedConnection

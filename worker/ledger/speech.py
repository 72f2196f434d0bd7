"""Several statements said to PostgreSQL at once, in libpq's pipeline mode.

Source: https://www.postgresql.org/docs/current/libpq-pipeline-mode.html. Values go as text whose
type the server infers, and each statement is parsed once for each connection.
"""

from collections.abc import Generator, Sequence
from typing import Any

import psycopg
from psycopg import generators, pq
from psycopg.adapt import PyFormat, Transformer

from worker.ledger.compiled import Compiled
from worker.ledger.found import Found

MOST_PREPARED = 300  # statements of a connection: the server keeps each of them

FATAL, ABORTED = pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED
SYNC = pq.ExecStatus.PIPELINE_SYNC


class Speech:
    """With one connection of psycopg in autocommit, by one thread at a time."""

    errors = psycopg.Error

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._prepared: dict[str, bytes] = connection.prepared
        self._adapter = Transformer(connection)

    @property
    def is_over(self) -> bool:
        return bool(self._connection.closed)

    def say(self, statements: Sequence[tuple[Compiled, Sequence[Any]]]) -> list[Found]:
        """Send them in their sequence, and wait for all of the answers. Raises the driver's error
        of the first that failed: none behind it was executed.
        """
        if not self._pgconn.pipeline_status:
            self._pgconn.enter_pipeline_mode()
        new: dict[str, bytes] = {}
        asked: list[Compiled | str] = []  # a text is to be parsed
        for known, values in statements:
            texts = [self._as_text(value) for value in values]
            name = self._prepared.get(known.sql) or new.get(known.sql)
            if name is None and len(self._prepared) + len(new) < MOST_PREPARED:
                # The server knows 63 bytes; whoever reads along knows what is said.
                name = f"{len(self._prepared) + len(new)} {known.sql[:50]}".encode()
                self._pgconn.send_prepare(name, known.sql.encode())
                new[known.sql] = name
                asked.append(known.sql)
            if name is None:
                self._pgconn.send_query_params(known.sql.encode(), texts)
            else:
                self._pgconn.send_query_prepared(name, texts)
            asked.append(known)
        self._pgconn.pipeline_sync()
        results = self._connection.wait(_heard(self._pgconn))
        return self._understood(asked, results, new)

    def leave(self) -> None:
        """Out of the mode, for whoever speaks to the connection by other means. Raises the
        driver's error if an answer is outstanding.
        """
        if self._pgconn.pipeline_status:
            self._pgconn.exit_pipeline_mode()

    def _understood(
        self, asked: Sequence[Compiled | str], results: Sequence[Any], new: dict[str, bytes]
    ) -> list[Found]:
        found = []
        for each, result in zip(asked, results, strict=False):  # a lost connection says less
            if result.status in {FATAL, ABORTED}:
                raise psycopg.errors.error_from_result(result, self._adapter.encoding)
            if isinstance(each, str):
                self._prepared[each] = new[each]
            else:
                found.append(self._read(each, result))
        return found

    def _read(self, known: Compiled, result: Any) -> Found:
        self._adapter.set_pgresult(result)
        rows = self._adapter.load_rows(0, result.ntuples, tuple)
        names = ((result.fname(at) or b"").decode() for at in range(result.nfields))
        return known.found(names, rows, result.command_tuples or 0)

    def _as_text(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, bool):
            return b"t" if value else b"f"
        if isinstance(value, int):
            return str(value).encode()
        if isinstance(value, float):
            return repr(value).encode()
        return self._adapter.get_dumper(value, PyFormat.TEXT).dump(value)


def _heard(pgconn: Any) -> Generator[Any, Any, list[Any]]:
    """All that the server says until it has come to the end of what was sent."""
    yield from generators.send(pgconn)
    results: list[Any] = []
    try:
        while not (results and results[-1].status == SYNC):
            several = yield from generators.fetch_many(pgconn)
            if not several:
                raise psycopg.OperationalError("the connection was lost")
            results += several
    except psycopg.Error:
        if not any(result.status == FATAL for result in results):  # the server's last words
            raise
    return results

"""Statements that travel together: a transaction on PostgreSQL in a few round trips.

`execute` only queues. What is queued is sent, in its sequence and as one pipeline, when the
first of the answers is asked for, and the last of it with the COMMIT. A verb reads as if it
did one statement after the other, and each statement does see what the one before it has waited
for; whoever asks several questions before he looks at the first answer pays one round trip.

It speaks to psycopg's libpq (`psycopg.pq`): a cursor of its pipeline mode looks at the socket
twice for each statement, and wakes the server for each of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Executable, text
from sqlalchemy.exc import DBAPIError

from worker.ledger.compiled import POSTGRESQL, Compiled, compiled
from worker.ledger.found import Found

Question = tuple[Executable, Mapping[str, Any]]  # a statement and its values, by name


class Answer:
    """What a statement came to; asking for it sends what is queued."""

    def __init__(self, pipeline: "Pipeline", known: Compiled, values: Sequence[Any]) -> None:
        self._pipeline = pipeline
        self.known = known
        self.values = values
        self.found: Found | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._come(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._come())

    def _come(self) -> Found:
        if self.found is None:
            self._pipeline.send()
        if self.found is None:
            raise AssertionError("Bug! A statement is asked for that its pipeline has lost.")
        return self.found


# In this isolation a statement sees what its locks waited for.
BEGIN = text("BEGIN ISOLATION LEVEL READ COMMITTED")
# Whoever asks for the first of a queue would else be given all of it, sorted, wherever the server
# expects that to be little: after a great many jobs have come, until it has counted them.
IN_SEQUENCE = text("SET LOCAL enable_bitmapscan = off")
COMMIT = text("COMMIT")


class Pipeline:
    """A SQLAlchemy connection to psycopg, in autocommit: the transaction is begun and committed
    here, in the first pipeline and in the last; `by_itself`, there is none.
    """

    def __init__(self, connection: Connection, *, by_itself: bool = False) -> None:
        from worker.ledger.speech import Speech  # psycopg is an extra

        self._connection = connection
        self._speech = Speech(connection.connection.dbapi_connection)
        self._queued: list[Answer] = []
        self._foreseen: list[tuple[Executable, Mapping[str, Any], Answer]] = []
        if not by_itself:
            self.execute(BEGIN)
            self.execute(IN_SEQUENCE)

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:
        """Queue a statement; at once only what cannot be queued: lists, of values or of rows."""
        given = parameters or {}
        for number, (foreseen, with_these, answer) in enumerate(self._foreseen):
            if foreseen is statement and with_these == given:
                del self._foreseen[number]
                return answer
        if isinstance(parameters, Mapping | None):
            known = compiled(statement, POSTGRESQL, given)
            if not known.is_variable:
                answer = Answer(self, known, known.values(given))
                self._queued.append(answer)
                return answer
        self._send_alone()
        return self._connection.execute(statement, parameters)

    def foresee(self, statement: Executable, parameters: Mapping[str, Any]) -> None:
        """Queue now what will be executed later in this transaction, word for word; what is
        written in between must not change its answer.
        """
        answer = self.execute(statement, parameters)
        self._foreseen.append((statement, parameters, answer))

    def reword(self, asked: Question, will_be: Question) -> None:
        """What was foreseen as `asked` will be executed in other words that come to the same."""
        answer = self.execute(*asked)
        self._foreseen.append((*will_be, answer))

    def forget_foreseen(self) -> None:
        self._foreseen = []

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """A part that may fail by itself: it is sent by itself."""
        self._send_alone()
        with self._connection.begin_nested():
            yield
            self._send_alone()

    def __getattr__(self, name: str) -> Any:
        self._send_alone()
        return getattr(self._connection, name)

    def close(self) -> None:
        """Give the connection back as it was, or not at all."""
        if not self._has_left():
            self._connection.invalidate()

    def _has_left(self) -> bool:
        """Leave libpq's mode, after an error too; False if the connection is of no more use: the
        server's last words may have come before the end of the connection is seen.
        """
        with suppress(self._speech.errors):
            self._speech.leave()
            return not self._speech.is_over
        return False

    def _send_alone(self) -> None:
        """Before what cannot be pipelined."""
        self.send()
        with self._judged("Sync"):
            self._speech.leave()

    def send(self, *, commit: bool = False) -> None:
        """Send what is queued, and read all that it comes to. Raises DBAPIError."""
        if commit:
            self.execute(COMMIT)
        queued, self._queued = self._queued, []
        if not queued:
            return
        with self._judged("; ".join(answer.known.sql for answer in queued)):
            found = self._speech.say([(answer.known, answer.values) for answer in queued])
            for answer, each in zip(queued, found, strict=True):
                answer.found = each
            if commit:
                self._speech.leave()

    @contextmanager
    def _judged(self, said: str) -> Iterator[None]:
        """The driver's errors as SQLAlchemy's, and a lost connection given up."""
        try:
            yield
        except self._speech.errors as error:
            lost = not self._has_left()
            if lost:  # and with it, perhaps, whatever else the pool holds
                self._connection.engine.dispose()
                self._connection.invalidate(error)
            raise DBAPIError.instance(
                said,
                None,
                error,
                self._speech.errors,
                hide_parameters=True,
                connection_invalidated=lost,
                dialect=self._connection.dialect,
            ) from error

"""Group commit: threads that write to a SQLite file at the same time share one sync to disk.

A sync costs milliseconds, a verb a fraction of one, and SQLite has one writer. So whoever has
done its part while others queue hands the open transaction on instead of committing it, and waits
until the last of them has: each is told after the COMMIT, as if it had made its own. A part
that fails is rolled back by itself, to the savepoint at its begin; a commit that fails fails for
all whose parts were in it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from worker.errors import CommitUnknown, LedgerUndone
from worker.ledger.direct import Direct

MOST_PARTS = 32  # of a transaction
LONGEST = 0.02  # seconds for which it is handed on: other processes wait for it
LOOK_AFTER = 0.05  # seconds until a part looks whether whoever was to go on is gone


class Shared:
    """A transaction that is handed from part to part."""

    def __init__(self, engine: Engine) -> None:
        self.parts = 0  # that are done
        self.over = threading.Event()
        self.error: BaseException | None = None
        self._begun_at = time.monotonic()
        self._direct = Direct(engine)
        try:
            self._direct.begin_to_write()
        except BaseException:
            self._direct.close()
            raise

    @property
    def has_room(self) -> bool:
        in_time = time.monotonic() - self._begun_at < LONGEST
        return self._direct.in_transaction and in_time and 0 < self.parts < MOST_PARTS

    @contextmanager
    def part(self) -> Iterator[Direct]:
        """One's own share of it. Before the first there is nothing that must not be undone."""
        is_first = not self.parts
        if not is_first:
            self._direct.say("SAVEPOINT part")
        try:
            yield self._direct
        except BaseException:
            if not is_first and self._direct.in_transaction:
                self._direct.say("ROLLBACK TO part")
            raise
        if not is_first:
            self._direct.say("RELEASE part")
        self.parts += 1

    def end(self) -> None:
        """Commit what was done, and tell whoever waits for it."""
        try:
            if self.parts and self._direct.in_transaction:
                self._direct.say("COMMIT")
            elif self.parts:
                self.error = LedgerUndone("It was undone with what another thread wrote.")
        except BaseException as error:  # noqa: BLE001 - raised by all whose parts were in it
            self.error = error
        finally:
            self._direct.close()
            self.over.set()

    def raise_error(self) -> None:
        """Each thread has an error of its own to raise."""
        match self.error:
            case None:
                return
            case DBAPIError(orig=Exception() as said) as error:
                raise type(error)(error.statement, None, said, hide_parameters=True)
            case LedgerUndone() as error:
                raise LedgerUndone(str(error))
        raise CommitUnknown("Whoever was to commit was interrupted.") from self.error


class Sharing:
    """The single writer's place within one process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._place = threading.Lock()  # whoever holds it may write in what is open
        self._counting = threading.Lock()
        self._queued = 0
        self._open: Shared | None = None

    @contextmanager
    def part(self, *, alone: bool = False) -> Iterator[Direct]:
        """As a transaction of one's own, which is synced to disk when the block ends. What takes
        its time does so `alone`: nobody waits for it to be told.

        Raises DBAPIError; LedgerUndone where nothing was written for somebody else's trouble.
        """
        self._queue()
        shared: Shared | None = None
        try:
            if self._open and alone:
                self._end(self._open)
            shared = self._open = self._open or Shared(self._engine)
            with shared.part() as direct:
                yield direct
        finally:
            if shared and not (self._queued and shared.has_room):
                self._end(shared)
            self._place.release()
        self._wait(shared)
        shared.raise_error()

    def _queue(self) -> None:
        with self._counting:
            self._queued += 1
        try:
            self._place.acquire()
        finally:
            with self._counting:
                self._queued -= 1

    def _end(self, shared: Shared) -> None:
        self._open = None
        shared.end()

    def _wait(self, shared: Shared) -> None:
        """Whoever was to go on may have been interrupted on its way: it is ended by who waits."""
        while not shared.over.wait(LOOK_AFTER):
            if self._place.acquire(blocking=False):
                try:
                    if self._open is shared:
                        self._end(shared)
                finally:
                    self._place.release()

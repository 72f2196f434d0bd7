"""The dispatcher's rounds: ended leases, sleepers, and the ready jobs that this process can run.

Each worker process has one, and none is a leader: the ledger sees to it that two of them do
not do the same thing twice. Nothing here knows Celery; the bootstep gives it a thread.
"""

from collections.abc import Callable

from worker import logs
from worker.errors import LedgerUnavailable
from worker.ledger import recovery, rounds, routing
from worker.ledger.chords import Chord
from worker.ledger.continuations import Message
from worker.ledger.ledger import Ledger

LONGEST = 1.0  # seconds between two rounds: the safety net under every wake-up
AFTER_ERROR = 1.0  # seconds until a ledger that was away is tried again

log = logs.get("worker.dispatcher")


class Dispatcher:
    """`slots` is how many jobs this process runs at once; `publish` sends one message, and
    says whether it did; while `may_publish` says no, nothing is chosen to be sent.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker: str,
        slots: int,
        publish: Callable[[Message | Chord], bool],
        may_publish: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._slots = slots
        self._publish = publish
        self._may_publish = may_publish
        self._outstanding: frozenset[str] = frozenset()
        self._prepared = False

    def prepare(self) -> None:
        """Once, before the first round."""
        routing.prepare(self._ledger)
        self._prepared = True

    def round(self) -> float:
        """Do all that is to do now; the seconds until there may be something new."""
        try:
            if not self._prepared:
                self.prepare()
            if ended := recovery.recover(self._ledger, self._worker):
                log.info("leases and deadlines ended", jobs=ended)
            routing.wake_sleepers(self._ledger)
            routing.find_strays(self._ledger)
            if not self._may_publish():
                return LONGEST
            found = rounds.dispatch(
                self._ledger, self._worker, self._slots, self._outstanding, LONGEST
            )
        except LedgerUnavailable as error:
            log.warning("the ledger is away", error=str(error))
            return AFTER_ERROR
        unsent = {message.id for message in found.messages if not self._publish(message)}
        sent = {message.id for message in found.messages} - unsent
        self._outstanding = found.outstanding | sent
        if unsent:  # else each round without a broker would double the wait for the next one
            rounds.unmark(self._ledger, unsent)
        return found.next_in

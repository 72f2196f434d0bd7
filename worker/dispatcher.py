"""The dispatcher's rounds: ended leases, sleepers, schedules, and the jobs that can run here.

Each worker process has one, and none is a leader: the ledger sees to it that two of them do
not do the same thing twice. Nothing here knows Celery; the bootstep gives it a thread.
"""

import math
import time
from collections.abc import Callable, Mapping

from worker import logs
from worker.domain.waking import Waking
from worker.errors import LedgerUnavailable, SchemaUnknown
from worker.ledger import recovery, returning, rounds, routing, schedules
from worker.ledger.agenda import Agenda
from worker.ledger.chords import Chord
from worker.ledger.continuations import Message
from worker.ledger.ledger import Ledger
from worker.ledger.schedules import Due

LONGEST = 1.0  # seconds between two rounds: the safety net under every wake-up
SCHEDULES_SEEN = 60.0  # seconds, at most, until a change of a schedule is seen
AFTER_ERROR = 1.0  # seconds until a ledger that was away is tried again

log = logs.get("worker.dispatcher")


class Dispatcher:
    """`slots` is how many jobs this process runs at once; `publish` sends one message, and
    says whether it did; while `may_publish` says no, nothing is chosen to be sent. `every` are
    the schedules (name: seconds between two runs), and `tell` sends the message of one.
    `configured` counts how often the configuration was read anew.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker: str,
        slots: int,
        publish: Callable[[Message | Chord], bool],
        may_publish: Callable[[], bool] = lambda: True,
        every: Callable[[], Mapping[str, float]] = dict,
        tell: Callable[[Due], bool] = lambda _due: False,
        configured: Callable[[], int] = lambda: 0,
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._slots = slots
        self._publish = publish
        self._may_publish = may_publish
        self._schedules = every
        self._every: Mapping[str, float] = {}
        self._tell = tell
        self._configured = configured
        self._outstanding: frozenset[str] = frozenset()
        self._prepared: int | None = None  # for which reading of the configuration
        self._looked_at = -math.inf  # when all was last looked at, on the ledger's clock
        self._schedules_at = 0.0  # monotonic seconds, when they are looked at again
        self._away = False
        self._found_at = -math.inf  # when the ledger was there again, on its own clock
        self._waking = Waking()
        self.was_idle = False  # whether the last round has found nothing to do

    def prepare(self) -> None:
        """Before the first round, and when the configuration was read anew."""
        configured = self._configured()
        routing.prepare(self._ledger)
        self._every = self._schedules()
        schedules.ensure(self._ledger.database, self._every)
        self._schedules_at = 0.0
        self._prepared = configured

    def round(self) -> float:
        """Do all that is to do now; the seconds until there may be something new.

        Raises SchemaUnknown: no round will ever succeed.
        """
        try:
            if self._away:
                self._found_at = self._ledger.database.time()
                self._away = False
            if self._prepared != self._configured():
                self.prepare()
            may_publish = self._may_publish()
            next_sweep = self._tell_schedules() if self._every and may_publish else LONGEST
            slots = self._slots if may_publish else 0
            found = rounds.dispatch(
                self._ledger, self._worker, slots, self._outstanding, next_sweep, self._looked_at
            )
            done = self._see_to(found.agenda)
        except SchemaUnknown:
            raise
        except LedgerUnavailable as error:
            self.lose(error)
            return AFTER_ERROR
        unsent = {message.id for message in found.messages if not self._publish(message)}
        sent = {message.id for message in found.messages} - unsent
        self._outstanding = found.outstanding | sent
        if unsent:  # else each round without a broker would double the wait for the next one
            rounds.unmark(self._ledger, unsent)
        self.was_idle = not (done or sent)
        wait = self._waking.wait(
            time.monotonic(), found.next_in, for_token=found.for_token, has_published=bool(sent)
        )
        return 0.0 if done else wait

    def _see_to(self, agenda: Agenda) -> bool:
        """Do what is due besides publishing; whether that has changed anything."""
        self._looked_at = agenda.looked_at
        ended = 0
        if agenda.has_strays:
            routing.find_strays(self._ledger)
        if agenda.is_overdue:
            ended = recovery.recover(self._ledger, self._worker, self._found_at)
        woken = agenda.has_sleepers_to_wake and routing.wake_sleepers(self._ledger)
        return bool(agenda.has_strays or ended or woken)

    def lose(self, error: LedgerUnavailable) -> None:
        """The ledger is away; when it is back, workers may hold answers that it has missed."""
        log.warning("the ledger is away", error=str(error))
        self._away = True

    def leave(self) -> None:
        """Hand back what was published and that nobody has claimed. Raises LedgerUnavailable."""
        if self._outstanding:
            returning.hand_back(self._ledger, self._outstanding)

    def _tell_schedules(self) -> float:
        """Have each due schedule run by somebody; the seconds until the next one, LONGEST at most.

        One that could not be told is due again at once, and waits with the next round. What other
        processes do to them is seen a tenth of an interval later at most.
        """
        if (left := self._schedules_at - time.monotonic()) > 0:
            return min(LONGEST, left)
        database, names = self._ledger.database, list(self._every)
        is_due, seconds = schedules.look(database, names)
        for due in schedules.take_due(database, names) if is_due else ():
            if not self._tell(due):
                schedules.give_up(database, due)
                return LONGEST
        if is_due:
            _, seconds = schedules.look(database, names)
        longest = min(SCHEDULES_SEEN, max(LONGEST, min(self._every.values()) / 10))
        left = min(longest, max(seconds, 0.0))
        self._schedules_at = time.monotonic() + left
        return min(LONGEST, left)

"""What goes wrong in a history, at the steps that it says: calls, messages, commits, points."""

from collections import Counter
from typing import Any

from greenlet import GreenletExit

from tests.simulation.fleet import Fleet
from tests.simulation.history import Fault
from tests.simulation.model import HELD_UP
from worker.errors import CommitUnknown, LedgerUnavailable, LedgerUndone

CALM_AFTER = 75.0  # seconds: a message that was lost again and again is sent anew by then
RESTARTED_IN = 3.0  # seconds
# Seconds: beyond the lease, or only beyond the time in which a call may begin.
STILL = {"stopped": HELD_UP, "process stopped": HELD_UP, "held up": 8.0}
BEFORE = {  # what of a commit that came to nothing its caller is told
    "undone": LedgerUndone,
    "error before": LedgerUnavailable,
    "lost": CommitUnknown,
}


class Mischief:
    """Counts the steps, and has a fault happen where the history has one."""

    def __init__(self, fleet: Fleet, faults: tuple[Fault, ...], seen: Counter[str]) -> None:
        self.fleet = fleet
        self.world = fleet.world
        self.seen = seen
        self.scripts: dict[str, list[str]] = {}  # operation: faults of its next calls
        self.ledger_away_until = self.provider_away_until = self.lookups_fail_until = 0.0
        self.disturbed_at = 0.0
        self.is_over = False
        self._faults = {(each.kind, each.number): each.what for each in faults}
        self._steps: Counter[str] = Counter()
        self._after_commit: str | None = None

    @property
    def is_calm(self) -> bool:
        """Whether nothing has gone wrong for so long that no trace of it is left."""
        return self.world.now - self.disturbed_at > CALM_AFTER

    def disturbed(self, what: str, seconds: float = 0.0) -> None:
        """Something goes wrong, for so long."""
        self.seen[what] += 1
        self.disturbed_at = max(self.disturbed_at, self.world.now + seconds)

    def ends(self) -> None:
        """From here on all is well."""
        self.is_over = True
        self.ledger_away_until = min(self.ledger_away_until, self.world.now)
        self.provider_away_until = self.lookups_fail_until = 0.0

    def of_call(self, _job: Any, operation: str) -> str | None:
        what = self._at("call", whose="call ")
        script = self.scripts.get(operation)
        if script and not what and not self.is_over:
            what = script.pop(0)
            self.disturbed(f"call {what}", HELD_UP)
        if self.world.now < self.provider_away_until:
            return "lost before"
        fails = self.world.now < self.lookups_fail_until and operation.startswith("Get")
        return "500 before" if fails else what

    def of_message(self) -> str | None:
        return self._at("message", whose="message ")

    def point(self, name: str) -> None:
        """In the place of `crash.point`."""
        what = self._at("point", whose="at a point: ")
        # Whoever is held up just before the socket sends while its lease lasts: nobody can tell.
        if what and (what, name) != ("held up", "before_sending"):
            self._happens(what)

    def before_transaction(self) -> None:
        if self.world.now < self.ledger_away_until:
            raise LedgerUnavailable("The ledger cannot be reached: it is away.")

    def before_commit(self) -> None:
        what = self._at("commit", whose="commit: ")
        if what in BEFORE:
            raise BEFORE[what](f"The ledger cannot be reached: {what}.")
        if what == "crash before" and self.world.thread:
            self._happens("crash")
        self._after_commit = what

    def after_commit(self) -> None:
        what, self._after_commit = self._after_commit, None
        if what == "unanswered":
            raise CommitUnknown("The ledger cannot be reached: the commit was not answered.")
        if what and self.world.thread:
            self._happens(what)

    def _happens(self, what: str) -> None:
        """To the thread that is at it, or to its whole process."""
        thread = self.world.thread
        assert thread is not None
        whole = what.startswith("process")
        if what in STILL:
            self.world.stand_still(STILL[what], whole=whole)
            return
        if whole or thread.dispatches:  # without its dispatcher, a process is no worker
            self.world.at_once(lambda: self.fleet.kill(thread.worker, RESTARTED_IN))
        raise GreenletExit

    def _at(self, kind: str, whose: str) -> str | None:
        self._steps[kind] += 1
        what = self._faults.get((kind, self._steps[kind]))
        if what is None or self.is_over:
            return None
        self.disturbed(whose + what, HELD_UP)
        return what

"""The minutes of the last week, in this process' memory: no page adds up a million jobs.

They are read from the ledger once, the newest hour first; from then on only the last minutes are
read anew. Nothing is written, and no worker is held up.
"""

import threading
from dataclasses import dataclass

from worker import logs
from worker.errors import LedgerUnavailable
from worker.ledger import minutes
from worker.ledger.ledger import Ledger
from worker.ledger.minutes import MINUTE, Minute

HOUR = 3600.0
WEEK = 168 * HOUR
ANEW = 3 * MINUTE  # what may still change: transactions end later than they begin
EVERY = 5.0  # seconds

log = logs.get("worker.web")


@dataclass(frozen=True, slots=True)
class Range:
    """What a plot shows: so many steps of so many minutes."""

    name: str
    steps: int
    minutes: int


RANGES = {
    each.name: each for each in (Range("hour", 60, 1), Range("day", 96, 15), Range("week", 84, 120))
}


class Tallies:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._minutes: dict[int, Minute] = {}
        self._series: dict[str, tuple[int, list[Minute]]] = {}  # as of the last reading
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._read_until: float | None = None
        self.begins: float | None = None  # what is older is not read yet

    def series(self, wanted: Range, now: float) -> list[Minute]:
        """The sums of each step, the oldest first; the last one is not over."""
        last = int(now / MINUTE) // wanted.minutes
        with self._lock:
            known = self._series.get(wanted.name)
            if known is None or known[0] != last:
                known = (last, self._sum(wanted, last))
                self._series[wanted.name] = known
        return known[1]

    def _sum(self, wanted: Range, last: int) -> list[Minute]:
        sums = [Minute() for _ in range(wanted.steps)]
        first = last - wanted.steps + 1
        for number, minute in self._minutes.items():
            place = number // wanted.minutes - first
            if 0 <= place < wanted.steps:
                sums[place].add(minute)
        return sums

    def refresh(self) -> None:
        """Read what is new since the last time. Raises LedgerUnavailable."""
        now = self._ledger.database.time()
        begin = now - HOUR if self._read_until is None else self._read_until - ANEW
        begin = max(begin - begin % MINUTE, now - WEEK)
        self._keep(begin, now + HOUR)
        self._read_until = now
        self.begins = begin if self.begins is None else min(self.begins, begin)

    def look_back(self) -> bool:
        """Read one hour more of the past; whether there is more. Raises LedgerUnavailable."""
        if self.begins is None:
            return True
        oldest = self._ledger.database.time() - WEEK
        if self.begins <= oldest:
            return False
        begin = self.begins - HOUR
        self._keep(begin, self.begins)
        self.begins = begin
        return True

    def start(self) -> None:
        """Follow the ledger in a thread, until `stop`."""
        threading.Thread(target=self._follow, name="tallies", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        more = True
        while not self._stop.is_set():
            try:
                self.refresh()
                while more and not self._stop.wait(0.02):  # others want to be answered meanwhile
                    more = self.look_back()
            except LedgerUnavailable as error:
                log.warning("the ledger is away", error=str(error))
            self._stop.wait(EVERY)

    def _keep(self, begin: float, end: float) -> None:
        found = minutes.read(self._ledger, begin, end)
        first, last = int(begin / MINUTE), int(end / MINUTE)
        oldest = int((end - WEEK - 2 * HOUR) / MINUTE)
        with self._lock:
            kept = {
                number: minute
                for number, minute in self._minutes.items()
                if not first <= number < last and number > oldest
            }
            self._minutes = kept | dict(found)
            self._series.clear()

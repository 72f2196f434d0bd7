"""A world with one virtual clock, in which several workers run as one deterministic program.

Everything that waits is a thread (a greenlet): the dispatchers and the slots of the workers.
Exactly one runs at a time, and the clock moves only when all of them sleep. What merely happens
(a call arrives, somebody does something) is a function that is called at its time. No transaction
of the ledger is ever open while a thread sleeps, which `sleep` asserts.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

START = 1_800_000_000.0  # some second after the epoch
MOMENT = 0.25  # seconds that may pass before it is looked whether nobody has missed anything


class Stuck(AssertionError):
    """The world came to an end before its condition was met."""


class Wrong(AssertionError):
    """Something happened that must not happen."""


class Thread(greenlet):
    """What a worker does at once; `worker` is whose it is."""

    worker: Any = None
    dispatches = False
    still_until = 0.0

    def stands_still_until(self) -> float:
        """When it goes on, if it or its whole process has been stopped."""
        return max(self.still_until, self.worker.still_until if self.worker else 0.0)


class World:
    """Time, chance, and what happens next."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.skew = 0.0  # seconds by which the ledger's clock is off
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Thread | Callable[[], object]]] = []
        self._hub = getcurrent()
        self._sleepers: list[tuple[Thread, int]] = []
        self._cancelled: set[int] = set()
        self._threads: list[Thread] = []
        self._urgent: list[Callable[[], object]] = []
        self.open_transactions = 0
        self.notice = (0.0, 0.02)  # seconds from a commit until those who sleep see it
        self.wrongs: list[str] = []
        self.time_passes: Callable[[float], object] = lambda _until: None

    def time(self) -> float:
        return self.now

    monotonic = time

    def ledger_time(self) -> float:
        return self.now + self.skew

    @property
    def thread(self) -> Thread | None:
        """Who acts now; None for whatever is no worker."""
        current = getcurrent()
        return current if isinstance(current, Thread) else None

    def spawn(self, what: Callable[..., Any], *args: Any, worker: Any = None) -> Thread:
        new = Thread(lambda: what(*args), parent=self._hub)
        new.worker = worker
        self._threads.append(new)
        self._at(self.now, new)
        return new

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        """Something happens by itself."""
        self._at(self.now + seconds, what)

    def at_once(self, what: Callable[[], object]) -> None:
        """Before anybody else is let go on."""
        self._urgent.append(what)

    def sleep(self, seconds: float) -> None:
        assert not self.open_transactions, "a transaction is open while somebody waits"
        self._at(self.now + max(0.0, seconds), self._me())
        self._hub.switch()

    def sleep_until_change(self, seconds: float) -> None:
        """Sleep, but be woken soon after the next commit, as a dispatcher is."""
        ticket = self._at(self.now + max(0.0, seconds), self._me())
        self._sleepers.append((self._me(), ticket))
        self._hub.switch()

    def wait(self, seconds: float) -> Callable[[], None]:
        """Begin to sleep at the next `sleep_on`; what is returned ends that sleep."""
        me, ticket = self._me(), self._at(self.now + seconds, self._me())

        def wake() -> None:
            if ticket not in self._cancelled:
                self._cancelled.add(ticket)
                self._at(self.now, me)

        return wake

    def sleep_on(self) -> None:
        assert not self.open_transactions, "a transaction is open while somebody waits"
        self._hub.switch()

    def stand_still(self, seconds: float, *, whole: bool) -> None:
        """The present thread, or its whole process, is stopped for so long."""
        me = self._me()
        (me.worker if whole else me).still_until = self.now + seconds
        self.sleep(0.0)

    def changed(self) -> None:
        """Somebody has committed."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper, ticket in sleepers:
            if ticket not in self._cancelled:
                self._cancelled.add(ticket)
                self._at(self.now + self.random.uniform(*self.notice), sleeper)

    def run(self, until: Callable[[], bool], seconds: float) -> float:
        """Let the world go on until the condition holds; how many seconds that took."""
        begun = self.now
        while not until():
            if not self._agenda or self.now - begun > seconds:
                raise Stuck(f"not reached after {self.now - begun:.1f} s")
            self._step()
            if self.wrongs:
                raise Wrong("\n".join(self.wrongs))
        return self.now - begun

    def end(self) -> None:
        """End its threads: one that waits for ever would keep this world in memory."""
        for thread in self._threads:
            if thread:  # begun, and not ended
                thread.throw()

    def go_on_for(self, seconds: float) -> None:
        """Let the world go on for a while."""
        until = self.now + seconds
        self.after(seconds, lambda: None)
        self.run(lambda: self.now >= until, seconds)

    def _step(self) -> None:
        at, ticket, what = heapq.heappop(self._agenda)
        if ticket in self._cancelled:
            self._cancelled.discard(ticket)
            return
        if at - self.now > MOMENT:
            self.time_passes(at)
        self.now = max(self.now, at)
        if not isinstance(what, Thread):
            what()
        elif not what.dead:
            self._sleepers = [each for each in self._sleepers if each[1] != ticket]
            still_until = what.stands_still_until()
            if still_until > self.now:
                self._at(still_until, what)
            else:
                what.switch()
        while self._urgent:
            self._urgent.pop(0)()

    def _me(self) -> Thread:
        current = getcurrent()
        assert isinstance(current, Thread), "only a thread can wait"
        return current

    def _at(self, moment: float, who: Thread | Callable[[], object]) -> int:
        ticket = next(self._order)
        heapq.heappush(self._agenda, (moment, ticket, who))
        return ticket

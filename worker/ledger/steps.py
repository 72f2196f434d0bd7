"""The machine's clock was set forward: time that nobody has lived through fills no bucket.

A ledger on SQLite goes by the wall clock. Each time that a process reads it, it compares it with a
clock that nobody can set; by what the first has gained on the second, whatever was written before
is moved along. A dispatcher looks every second.

A process that starts after the step, where none has lived through it and written the bucket since,
knows nothing of it: that bucket is filled once. To close this, too, the difference of the clocks
would have to be a row for each boot of the machine, read under the lock by whatever takes a token.
PostgreSQL goes by its server's clock, whose steps nobody can tell from here.
"""

import threading
from collections.abc import Callable

WAVERING = 0.1  # seconds: a clock that gains or loses more at once was set
AT_ONCE = 0.01  # seconds in which both clocks are read, or not compared
REMEMBERED = 16  # steps


class Steps:
    """`wall` gives epoch seconds, `elapsed` seconds that never go back nor leap."""

    def __init__(self, wall: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._ahead = wall() - elapsed()
        self._forward: tuple[tuple[float, float], ...] = ()  # until when it was, and by how much
        self._noting = threading.Lock()

    def now(self) -> float:
        """Epoch seconds."""
        begun = self._elapsed()
        now = self._wall()
        if self._elapsed() - begun < AT_ONCE:
            with self._noting:
                gained = now - begun - self._ahead
                if abs(gained) > WAVERING:
                    self._ahead += gained
                    self._note(now - gained, gained)
        return now

    def today(self, at: float) -> float:
        """A moment that was written down, on the clock as it goes now."""
        for until, gained in self._forward:
            at += gained if at <= until else 0.0
        return at

    def _note(self, until: float, gained: float) -> None:
        """A step forward; or one back, which takes away what was gained before."""
        kept = [*self._forward, (until, gained)] if gained > 0.0 else [*self._forward]
        while kept and gained < 0.0:
            until, before = kept.pop()
            gained += before
            if gained > 0.0:
                kept.append((until, gained))
        self._forward = tuple(kept[-REMEMBERED:])

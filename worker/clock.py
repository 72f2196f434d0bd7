"""Time, where the outside is near: handed to whoever needs it, so that a test can hold it."""

import time
from typing import Protocol

# Linux' monotonic clock stands still while the machine is suspended; a lease does not.
SUSPENDED_TOO = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds that never go back, since some moment; those of a suspended machine count."""
    return time.monotonic() if SUSPENDED_TOO is None else time.clock_gettime(SUSPENDED_TOO)


class Clock(Protocol):
    def time(self) -> float:
        """Epoch seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: see `elapsed`."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return elapsed()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

"""A process follows its configuration: a changed quota, a new seller, a rotated key.

Nobody waits for it: whoever asks for the process' objects (a call of `delay`, a job, each round
of the dispatcher) looks at the files, at most once a second. A configuration that is wrong is
refused as a whole, with a sentence in the log, and the one before stays in force.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from worker import logs
from worker.settings import ConfigurationError, Settings
from worker.settings.differences import after_a_restart, in_force
from worker.settings.watching import Watch

EVERY = 1.0  # seconds between two looks

log = logs.get("worker.configuration")


class Rereading:
    """`take` puts new settings in force, or raises ConfigurationError and changes nothing."""

    def __init__(self, settings: Settings, take: Callable[[Settings], None]) -> None:
        self._settings = settings
        self._take = take
        self._watch = Watch(settings.files)
        self._looked_at = time.monotonic()
        self._one_at_a_time = threading.Lock()

    def look(self) -> None:
        """Read the configuration anew if it has changed since."""
        if time.monotonic() - self._looked_at < EVERY:
            return
        if self._one_at_a_time.acquire(blocking=False):
            try:
                self._looked_at = time.monotonic()
                if self._watch.has_changed():
                    self._read()
            finally:
                self._one_at_a_time.release()

    def _read(self) -> None:
        old = self._settings
        found: tuple[Path, ...] = ()
        try:
            new = old.again()
            found = new.files
            self._take(in_force(new, old))
        except ConfigurationError as error:
            log.error(  # noqa: TRY400 - the mistakes are what there is to know
                "the changed configuration is refused, and the one before stays in force",
                mistakes=str(error),
            )
        else:
            self._settings = in_force(new, old)
            log.info("the configuration was read anew", sellers=", ".join(new.sellers) or "none")
            if later := list(after_a_restart(new, old)):
                log.warning(
                    "changed, and in force only after a restart of this process",
                    options=", ".join(later),
                )
        self._watch.also(found)  # a secret that was missing may come

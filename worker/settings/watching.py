"""Whether the files of a configuration have changed: a look at a time, which takes microseconds.

A file that is being written is left alone until it has been still for a moment. Kubernetes
replaces a link to a folder, editors the file itself: what a name leads to is looked at each time.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

STILL = 0.5  # seconds without a write after which a file is taken to be whole

Look: TypeAlias = tuple[tuple[int, int, int] | None, ...]  # what each of the files is like


class Watch:
    """Of these files, as they are now."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(dict.fromkeys(files))
        self._known = self._look()
        self._seen = self._known

    def has_changed(self) -> bool:
        """True once for each change, when it is over."""
        found = self._look()
        if found == self._known:
            return False
        was_still, self._seen = found == self._seen, found
        if not was_still and _newest(found) > time.time() - STILL:
            return False
        self._known = found
        return True

    def also(self, files: Iterable[Path]) -> None:
        """Watch others, too, from now on."""
        more = [file for file in dict.fromkeys(files) if file not in self._files]
        self._files += tuple(more)
        self._known += tuple(map(_like, more))

    def _look(self) -> Look:
        return tuple(map(_like, self._files))


def _like(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _newest(found: Look) -> float:
    return max((each[0] / 1e9 for each in found if each), default=0.0)

"""What was asked and answered, one entry a request, in memory and, on demand, as JSON lines.

Nothing of a request is kept but who asked for which operation on which order: no parameter, no
signature, no key, no buyer.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO


@dataclass(slots=True)
class Entry:
    """One request. `time` is its arrival in epoch seconds, `level` the bucket's after it.

    `applied` says that a write was accepted, `changed` that it moved the order's state; both
    tell what happened, whatever was answered. `throttled` says that the bucket had no token, and
    not that a fault pretended so. `status` None is a connection that was cut.
    """

    time: float
    provider: str
    seller: str
    operation: str
    order_id: str | None
    status: int | None = None
    code: str | None = None
    applied: bool = False
    changed: bool = False
    throttled: bool = False
    level: float | None = None
    fault: bool = False

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class RequestLog:
    """The entries so far. `target` is a path to append to, "-" for standard output, or a stream."""

    def __init__(self, target: Path | str | TextIO | None = None) -> None:
        self.entries: list[Entry] = []
        self._stream: TextIO | None
        self._owned = False
        if target == "-":
            self._stream = sys.stdout
        elif isinstance(target, str | Path):
            self._stream = Path(target).open("a", encoding="utf-8")  # noqa: SIM115 (closed below)
            self._owned = True
        else:
            self._stream = target

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self._stream is not None:
            self._stream.write(json.dumps(entry.as_json(), ensure_ascii=False) + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._owned and self._stream is not None:
            self._stream.close()
            self._stream = None

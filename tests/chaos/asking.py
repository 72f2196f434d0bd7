"""A producer in a process of its own: it asks for what stands in a file, one job after the other.

`python -m tests.chaos.asking ASKS ANSWERS PAUSE`: a JSON line for each job that was accepted, with
the seconds that the accepted call took and the number of calls that were refused before it. While
the ledger is away a call is refused with an error, and the shop asks again.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from worker import LedgerUnavailable, cancel, confirm

TASKS = {"confirm": confirm, "cancel": cancel}
AGAIN = 0.2  # seconds


def ask(job: dict[str, Any]) -> dict[str, Any]:
    """Ask until the job is accepted."""
    words = dict(job)
    task, order_id = TASKS[words.pop("task")], words.pop("order_id")
    refused = 0
    while True:
        began = time.monotonic()
        try:
            accepted = task.delay(order_id, **words)
        except LedgerUnavailable:
            refused += 1
            time.sleep(AGAIN)
        else:
            return {"id": accepted.id, "seconds": time.monotonic() - began, "refused": refused}


def main(asks: Path, answers: Path, pause: float) -> None:
    with asks.open(encoding="utf-8") as lines, answers.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(ask(json.loads(line))) + "\n")
            out.flush()
            time.sleep(pause)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))

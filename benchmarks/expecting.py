"""A producer that asks when: `python -m benchmarks.expecting ASKS SAID PAUSE`.

As `benchmarks.asking`, of our own package; after each `delay` it reads the job's `expected_at`. For
each call the file SAID has when it was asked and what was said, both in epoch seconds; a job that
was on its way by then was expected at once.
"""

import sys
import time
from datetime import datetime
from pathlib import Path

from worker import confirm
from worker.bootstrap import runtime
from worker.ledger import queries


def main(asks: Path, said: Path, pause: float) -> None:
    ledger, lines = runtime().ledger, []
    for line in asks.read_text(encoding="utf-8").splitlines():
        seller, order = line.split()
        at = time.time()
        result = confirm.delay(order, seller=seller)
        (job,) = queries.of_ids(ledger, [result.id])
        expected = job["expected_at"]
        when = at if expected is None else datetime.fromisoformat(expected).timestamp()
        lines.append(f"{at!r} {when!r}\n")
        time.sleep(pause)
    said.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))

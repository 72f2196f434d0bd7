"""`python -m tests.chaos`: the long run, and its report. Exit code 1 if a promise was broken."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.plan import Plan
from tests.chaos.run import play

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--sellers", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spread", type=float, default=100.0, help="seconds to ask for all")
    parser.add_argument("--keep", type=Path, help="an empty folder for the logs of all processes")
    given = parser.parse_args()
    plan = Plan(given.jobs, given.sellers, given.workers, given.seed, given.spread)
    with tempfile.TemporaryDirectory() as directory:
        report = play(plan, given.keep or Path(directory))
    print("\n".join(report.lines()))  # noqa: T201
    sys.exit(bool(report.wrong))

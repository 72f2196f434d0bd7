"""The simulation by hand: `python -m tests.simulation` plays histories until it is stopped.

A seed plays that history alone, and shows its shortest form if it fails; `--trace` shows each row
that it writes.
"""

import argparse
import random
import sys

from tests.simulation.history import drawn
from tests.simulation.playing import play
from tests.simulation.running import run, told


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, metavar="SEED", help="histories to play")
    parser.add_argument("--minutes", type=float, help="how long to play others")
    parser.add_argument("--histories", type=int, help="how many others to play")
    parser.add_argument("--first", type=int, help="the seed of the first of them; drawn if absent")
    parser.add_argument("--trace", action="store_true", help="show what a seed's history writes")
    words = parser.parse_args()
    if words.seeds:
        return max(again(seed, traced=words.trace) for seed in words.seeds)
    first = random.randrange(10**9) if words.first is None else words.first
    report = run(first, histories=words.histories, minutes=words.minutes)
    say(f"{report}\nfrom seed {first} on; {len(report.wrong) or 'none'} of them failed.")
    for seed in sorted(report.wrong):
        say(f"\n{told(seed)}")
    return 1 if report.wrong else 0


def again(seed: int, *, traced: bool) -> int:
    history = drawn(seed)
    if traced:
        say(f"{history}\n" + "\n".join(play(history, traced=True).trace))
    wrong = told(seed)
    say(wrong or f"{history}\nSeed {seed}: nothing is wrong.")
    return 1 if wrong else 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

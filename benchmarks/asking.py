"""A producer in a process of its own: `python -m benchmarks.asking MODULE ASKS TIMES PAUSE`.

`confirm.delay` of the module for each line `SELLER ORDER` of the file ASKS, one after the other,
with PAUSE seconds between two. For each call the file TIMES has its beginning, in epoch seconds,
and how many seconds it took.
"""

import importlib
import sys
import time
from pathlib import Path


def main(module: str, asks: Path, times: Path, pause: float) -> None:
    confirm = importlib.import_module(module).confirm
    calls = []
    for line in asks.read_text(encoding="utf-8").splitlines():
        seller, order = line.split()
        at, began = time.time(), time.perf_counter()
        confirm.delay(order, seller=seller)
        calls.append((at, time.perf_counter() - began))
        if pause:
            time.sleep(pause)
    text = "".join(f"{at!r} {seconds!r}\n" for at, seconds in calls)
    times.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))

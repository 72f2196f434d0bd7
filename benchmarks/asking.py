"""A producer in a process of its own: `python -m benchmarks.asking MODULE ASKS [TIMES]`.

`confirm.delay` of the module for each line `SELLER ORDER` of the file ASKS, one after the other.
The microseconds that each call took go to the file TIMES, in the sequence of the calls.
"""

import importlib
import sys
import time
from pathlib import Path


def main(module: str, asks: Path, times: Path | None) -> None:
    confirm = importlib.import_module(module).confirm
    took = []
    for line in asks.read_text(encoding="utf-8").splitlines():
        seller, order = line.split()
        began = time.perf_counter()
        confirm.delay(order, seller=seller)
        took.append(time.perf_counter() - began)
    if times is not None:
        times.write_text("".join(f"{seconds * 1e6:.1f}\n" for seconds in took), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)

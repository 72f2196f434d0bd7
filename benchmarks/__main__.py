"""`python -m benchmarks [NAME …]`; without a name, all of them."""

import argparse
import importlib

NAMES = (
    "utilisation",
    "fleet",
    "sellers",
    "neighbour",
    "throughput",
    "delay",
    "waiting",
    "expectation",
    "pages",
    "intake",
    "signing",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--small", action="store_true", help="a quick run that shows that it works, not kept"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in given.names or NAMES:
        importlib.import_module(f"benchmarks.{name}").main(small=given.small)

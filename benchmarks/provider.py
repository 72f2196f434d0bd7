"""The provider of every benchmark: `worker.sandbox` in a process of its own, over HTTP.

It keeps the bucket that it is given for each seller, counts on arrival, and its log tells what
was asked, applied and throttled; the contestants' own figures are not asked for. There is one
more seller than there are in the race, `warm`, without a quota worth the name: the first requests
of a process, which import and connect, go to it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from worker.sandbox.accounts import AmazonPayAccount
from worker.sandbox.server import Sandbox

ACCESS_KEY, SECRET_KEY = "AKIDNOTREALBENCH", "not-a-real-amazon-secret"
WARM = "warm"
PLENTY = (100_000.0, 100_000.0)  # capacity, tokens a second: nobody meets it
WRITE, LOOKUP = "ConfirmOrderReference", "GetOrderReferenceDetails"

Quota = tuple[float, float]  # capacity, tokens a second


def configured(name: str, endpoint: str) -> list[str]:
    """The lines of a configuration that make a seller known to order-worker."""
    return [
        f"[sellers.{name}]",
        'provider = "amazon_pay"',
        'region = "na"',
        'environment = "sandbox"',
        f'seller_id = "{seller_id(name)}"',
        'access_key = { env = "BENCH_ACCESS_KEY" }',
        'secret_key = { env = "BENCH_SECRET_KEY" }',
        f'endpoint = "{endpoint}"',
    ]


def seller_id(seller: str) -> str:
    """The merchant id of a seller's name."""
    return f"A1NOTREAL{seller.upper()}"


def names(sellers: int) -> list[str]:
    """The sellers in the race."""
    return [f"s{number:03}" for number in range(sellers)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as the provider saw it. `at` is in epoch seconds."""

    at: float
    seller: str  # the merchant id
    order_id: str
    status: int | None
    applied: bool
    throttled: bool


@dataclass(frozen=True, slots=True)
class Provider:
    url: str

    def arrivals(self, operation: str = WRITE) -> list[Arrival]:
        """Every request of an operation for the sellers in the race, in order of arrival."""
        found = [
            Arrival(
                at=entry["time"],
                seller=entry["seller"],
                order_id=entry["order_id"],
                status=entry["status"],
                applied=entry["applied"],
                throttled=entry["throttled"],
            )
            for entry in self._ask("GET", "log")
            if entry["operation"] == operation and entry["seller"] != seller_id(WARM)
        ]
        return sorted(found, key=lambda arrival: arrival.at)

    def applied(self, *, warm: bool = False) -> int:
        """How many orders have been confirmed so far."""
        return sum(
            entry["changed"] and (entry["seller"] == seller_id(WARM)) is warm
            for entry in self._ask("GET", "log")
        )

    def reset(self) -> None:
        """Full buckets and an empty log."""
        self._ask("POST", "reset")

    def _ask(self, verb: str, resource: str) -> Any:
        request = Request(f"{self.url}/_sandbox/{resource}", method=verb)  # noqa: S310 (loopback)
        with urlopen(request, timeout=60) as answer:  # noqa: S310 (as above)
            return json.load(answer)


@contextmanager
def provider(sellers: int, quota: Quota = PLENTY) -> Iterator[Provider]:
    """A sandbox of so many sellers with this quota for the write, until the block ends."""
    words = [sys.executable, "-m", __name__, str(sellers), *map(str, quota)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or not (url := process.stdout.readline().strip()):
                raise RuntimeError("The sandbox has not started.")
            yield Provider(url)
        finally:
            process.terminate()


def serve(sellers: int, quota: Quota) -> None:
    """Serve until the process is ended."""
    accounts = [
        AmazonPayAccount(
            seller_id(name), ACCESS_KEY, SECRET_KEY, quotas={WRITE: limit, LOOKUP: PLENTY}
        )
        for name, limit in [(WARM, PLENTY), *((name, quota) for name in names(sellers))]
    ]
    server = Sandbox(accounts)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), (float(sys.argv[2]), float(sys.argv[3])))

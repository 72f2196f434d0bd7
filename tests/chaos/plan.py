"""What a run asks for, how the provider behaves, and how long a worker may be away: all as data."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SECRETS = {
    "CHAOS_ACCESS_KEY": "AKIDNOTREALCHAOS",
    "CHAOS_SECRET_KEY": "not-a-real-amazon-secret",
    "CHAOS_API_KEY": "not-a-real-mall-key",
}
LEASE = 6.0  # seconds, as the two that follow
CALL_TIMEOUT = 3.0
DOUBT_WAIT = 2.0
IN_TEN = 8  # sellers out of ten that are at Amazon Pay; the others are at Seller Center
THROTTLE = {"status": 503, "code": "RequestThrottled"}
E429 = {"status": 429, "code": "E429"}
FAULTS: tuple[dict[str, Any], ...] = (  # a request meets the first that acts
    {"probability": 0.10, "match": {"provider": "amazon_pay"}, "answer": THROTTLE},
    {"probability": 0.10, "match": {"provider": "seller_center"}, "answer": E429},
    {"probability": 0.05, "answer": {"status": 500}, "when": "after"},
    {"probability": 0.05, "when": "after", "cut": True},
    {"probability": 0.02, "when": "after", "delay": CALL_TIMEOUT + 1.0},
    {"probability": 0.05, "match": {"operation": "Get*"}, "read_lag": DOUBT_WAIT / 2},
)


@dataclass(frozen=True)
class Plan:
    """`every` is the seconds between two disturbances, `spread` those over which all is asked."""

    jobs: int
    sellers: int
    workers: int
    seed: int
    spread: float
    every: float = 2.0

    def seller(self, number: int) -> dict[str, Any]:
        """A seller's table of the configuration, without its endpoint."""
        if number % 10 < IN_TEN:
            return {
                "provider": "amazon_pay",
                "region": "na",
                "environment": "sandbox",
                "seller_id": f"A1NOTREAL{number:02}",
                "access_key": {"env": "CHAOS_ACCESS_KEY"},
                "secret_key": {"env": "CHAOS_SECRET_KEY"},
            }
        return {
            "provider": "seller_center",
            "user_id": f"mall{number:02}@example.com",
            "api_key": {"env": "CHAOS_API_KEY"},
        }

    def names(self) -> dict[str, dict[str, Any]]:
        """The sellers by name."""
        return {f"s{number:02}": self.seller(number) for number in range(self.sellers)}

    def asks(self) -> Iterator[dict[str, Any]]:
        """The jobs in the words of `delay`, in the sequence in which they are asked for.

        Half of Amazon's orders are confirmed, a quarter is open and cancelled, and a quarter is
        confirmed and cancelled at once, which is the order's second job.
        """
        chance = random.Random(self.seed)
        asked = 0
        while asked < self.jobs:
            name, seller = chance.choice(list(self.names().items()))
            asked += 1
            if seller["provider"] == "seller_center":
                item, parent = f"{7_000_000 + asked}", f"{9_000_000 + asked}"
                words = {"reason": "SHORTAGE", "parent_order_id": parent}
                yield {"task": "cancel", "seller": name, "order_id": item, **words}
                continue
            order = f"S01-{int(name[1:]):07}-{asked:07}"
            kind = chance.choice(["confirm", "confirm", "cancel", "both"])
            if kind != "cancel":
                yield {"task": "confirm", "seller": name, "order_id": order}
            if kind == "both":
                asked += 1
            if kind != "confirm" and asked <= self.jobs:
                yield {"task": "cancel", "seller": name, "order_id": order, "reason": "late"}

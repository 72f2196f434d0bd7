"""The permitted line: what a token bucket lets through, from the first request on."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.provider import Arrival, Quota


def needed(quota: Quota, requests: float) -> float:
    """The seconds from the first to the last of so many requests, if none is held up."""
    capacity, rate = quota
    return max(0.0, (requests - capacity) / rate)


@dataclass(frozen=True, slots=True)
class Use:
    """What a contestant made of a quota that is the same for each of its sellers.

    `share` is the time that the permitted line needs for the orders that were confirmed, over
    the time that passed from the first arrival to the last of them; the throttled requests in
    between count for nothing. `lost` are orders that were never confirmed.
    """

    share: float
    seconds: float
    throttles_per_success: float
    lost: int


def use(arrivals: Sequence[Arrival], quota: Quota, orders: int, sellers: int) -> Use:
    """Judge the provider's log of one run, in which all sellers have as many orders."""
    confirmed = [arrival for arrival in arrivals if arrival.applied]
    done = {(arrival.seller, arrival.order_id) for arrival in confirmed}
    seconds = max(arrival.at for arrival in confirmed) - arrivals[0].at
    throttled = sum(arrival.throttled for arrival in arrivals)
    return Use(
        share=needed(quota, len(done) / sellers) / seconds,
        seconds=seconds,
        throttles_per_success=throttled / len(done),
        lost=orders - len(done),
    )


def late(confirmed: Sequence[float], quota: Quota) -> list[float]:
    """By how many seconds each request that waited for a token came after it, those of the first
    burst left out. `confirmed` are the times of one seller, in order.
    """
    capacity = int(quota[0])
    return [
        at - confirmed[0] - needed(quota, number)
        for number, at in enumerate(confirmed[capacity:], start=capacity + 1)
    ]

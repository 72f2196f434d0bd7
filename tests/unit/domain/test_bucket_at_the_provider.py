"""The promise of the bucket, against a provider that counts what arrives.

The provider's model shares nothing with the code: it computes in fractions, knows no calls in
flight, and starts to refill when the first call has arrived.
"""

import heapq
import itertools
import math
from dataclasses import dataclass, field
from fractions import Fraction

from domain_values import NOW, a_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.bucket import full, next_token_at, refilled, taken, tokens

ROUNDING = Fraction(1, 1_000_000)  # of a token; the client computes in floating point


@dataclass
class Provider:
    """A token bucket that counts arrivals, exactly."""

    capacity: Fraction
    rate: Fraction
    level: Fraction = field(init=False)
    filled_at: Fraction = Fraction(0)
    throttled: int = 0
    served: int = 0

    def __post_init__(self) -> None:
        self.level = self.capacity

    def arrives(self, moment: float) -> None:
        now = Fraction(moment)
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.level + ROUNDING < 1:
            self.throttled += 1
            return
        self.level -= 1
        self.served += 1


def run(provider, capacity, rate, delays, looks, until, calls=math.inf, forgetful=False):
    """Let every call go that the bucket permits, at each of `looks` and whenever a token comes.

    `delays` are the seconds to the provider and back, call by call. Returns the calls let go.
    """
    bucket, in_flight, sent = full(a_spec(capacity, rate), NOW), 0, 0
    events = [(moment, order, "look") for order, moment in enumerate(looks)]
    heapq.heapify(events)
    order = itertools.count(len(events))
    asked = set(looks)
    while events:
        now, _, event = heapq.heappop(events)
        if now > until:
            break
        if event == "arrival":
            provider.arrives(now)
            continue
        # With the number that was in flight until now: the answer is counted afterwards.
        bucket = refilled(bucket, now, 0 if forgetful else in_flight)
        if event == "answer":
            in_flight -= 1
        while tokens(bucket, now, in_flight) >= 1 and sent < calls:
            bucket = taken(bucket, now)
            in_flight, sent = in_flight + 1, sent + 1
            there, back = next(delays)
            if there == back == 0:
                provider.arrives(now)
                in_flight -= 1
                continue
            heapq.heappush(events, (now + there, next(order), "arrival"))
            heapq.heappush(events, (now + there + back, next(order), "answer"))
        moment = next_token_at(bucket, 0 if forgetful else in_flight)
        if moment < math.inf and sent < calls and moment not in asked:
            asked.add(moment)
            heapq.heappush(events, (moment, next(order), "look"))
    return sent


capacities = st.integers(1, 50) | st.floats(1, 50)
rates = st.floats(0.1, 50)
delay_pairs = st.tuples(st.floats(0, 3), st.floats(1e-4, 3))
pauses = st.floats(0, 10) | st.floats(0, 0.05)


@settings(deadline=None, max_examples=200)
@given(
    capacities,
    rates,
    st.tuples(st.floats(0.5, 3), st.floats(1e-4, 3)),
    st.lists(delay_pairs, min_size=1, max_size=30),
    st.lists(pauses, max_size=30),
)
def test_a_client_that_calls_whenever_it_may_is_never_throttled(
    capacity, rate, cold, delays, waits
):
    provider = Provider(Fraction(capacity), Fraction(rate))
    looks = [NOW, *itertools.accumulate(waits, initial=NOW)]
    each = itertools.chain([cold], itertools.cycle(delays))
    sent = run(provider, capacity, rate, each, looks, until=NOW + 1e6, calls=150)
    assert provider.throttled == 0
    assert provider.served == sent == 150


@settings(deadline=None, max_examples=50)
@given(capacities, rates)
def test_without_delays_the_client_uses_every_token_that_the_provider_gives(capacity, rate):
    provider = Provider(Fraction(capacity), Fraction(rate))
    seconds = 1000 / rate
    run(provider, capacity, rate, itertools.repeat((0, 0)), [NOW], until=NOW + seconds)
    assert provider.throttled == 0
    assert provider.served >= 0.99 * (capacity + rate * seconds)


def test_at_a_tenth_of_a_second_there_and_back_nearly_nothing_of_the_rate_is_lost():
    provider = Provider(Fraction(10), Fraction(20))
    delays = itertools.repeat((0.05, 0.05))
    run(provider, 10, 20, delays, [NOW], until=NOW + 1000)
    assert provider.throttled == 0
    assert provider.served >= 0.99 * 20 * 1000


def test_a_client_that_forgets_its_calls_in_flight_is_throttled_by_the_same_provider():
    provider = Provider(Fraction(10), Fraction(1))
    cold = itertools.repeat((3.0, 0.1), 10)
    delays = itertools.chain(cold, itertools.repeat((0.05, 0.05)))
    run(provider, 10, 1, delays, [NOW], until=NOW + 60, forgetful=True)
    assert provider.throttled > 0

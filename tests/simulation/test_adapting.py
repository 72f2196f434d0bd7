"""Throttled in spite of a token: the rate settles at what is really free, and finds its way back.

Each scene plays the whole fleet on virtual time at saturation: two workers, an answer after some
50 ms. What is free is known exactly, and what was served is counted by the provider.
"""

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.model import ModelProvider, confirm
from tests.simulation.world import START, World
from worker.domain.jobs import Policy
from worker.ledger import standings

CONFIRMS = "ConfirmOrderReference"
MINUTE = 60.0
PRODUCTION, SANDBOX = (10.0, 1.0), (2.0, 0.5)  # of Amazon's


def saturated(quota, seconds, really=None):
    """A fleet that has more to do than it can in so many seconds."""
    world = World(seed=1)
    provider = ModelProvider(
        world,
        quotas={CONFIRMS: quota},
        delay=lambda _cold: world.random.uniform(0.02, 0.03),
        really={CONFIRMS: really} if really else {},
    )
    fleet = Fleet(world, provider, workers=2, policy=Policy(lookup_after_confirm=False))
    for order in range(int(quota[0] + quota[1] * seconds)):
        fleet.accept(confirm(order))
    return world, provider, fleet


def learned(fleet):
    """The bucket as `order-worker quotas` shows it."""
    (found,) = standings.quotas(fleet.ledger)
    return found


def served(provider, begin, end):
    """How many calls were taken in these seconds, and how many throttled."""
    of = [call for call in provider.calls if begin <= call.at - START < end]
    throttled = [call for call in provider.refused if begin <= call.at - START < end]
    return len(of) - len(throttled), len(throttled)


@pytest.mark.parametrize(
    ("quota", "others"), [(PRODUCTION, 0.3), (PRODUCTION, 0.6), (SANDBOX, 0.6)]
)
def test_beside_foreign_use_it_settles_within_a_minute_at_what_is_free(quota, others):
    free = (1.0 - others) * quota[1]
    world, provider, fleet = saturated(quota, 3 * MINUTE)
    provider.others_take(CONFIRMS, others * quota[1], START + 3 * MINUTE)
    world.go_on_for(MINUTE)
    assert learned(fleet)["learned_rate"] <= free * 1.1
    assert served(provider, 0.0, MINUTE)[1] <= 13
    world.go_on_for(2 * MINUTE)
    taken, throttled = served(provider, MINUTE, 3 * MINUTE)
    assert taken == pytest.approx(free * 2 * MINUTE, rel=0.05, abs=2.0)
    assert throttled <= 4 + 0.04 * taken


def test_a_limit_of_half_the_documented_one_is_found_within_a_minute():
    world, provider, fleet = saturated(PRODUCTION, 3 * MINUTE, really=(5.0, 0.5))
    world.go_on_for(MINUTE)
    bucket = learned(fleet)
    assert (bucket["restore_rate"], bucket["learned_from"]) == (1.0, "503 RequestThrottled")
    assert bucket["learned_rate"] == pytest.approx(0.5, rel=0.1)
    assert bucket["learned_at"] is not None
    assert served(provider, 0.0, MINUTE)[1] <= 5 + 10  # of the first burst, and after that
    world.go_on_for(2 * MINUTE)
    taken, throttled = served(provider, MINUTE, 3 * MINUTE)
    assert taken == pytest.approx(60, abs=2)
    assert throttled <= 5


def test_when_the_foreign_use_ends_it_is_back_at_the_nominal_rate_within_two_minutes():
    world, provider, fleet = saturated(PRODUCTION, 4 * MINUTE)
    provider.others_take(CONFIRMS, 0.6, START + MINUTE)
    world.go_on_for(MINUTE)
    assert learned(fleet)["learned_rate"] is not None
    world.go_on_for(2 * MINUTE)
    assert learned(fleet)["learned_rate"] is None
    world.go_on_for(MINUTE)
    assert served(provider, 3 * MINUTE, 4 * MINUTE)[0] == pytest.approx(60, abs=1)


def test_one_throttle_alone_lowers_nothing():
    world, provider, fleet = saturated(PRODUCTION, 2 * MINUTE)
    once = iter(["throttled by others"])
    world.go_on_for(30.0)
    provider.fault = lambda _job, _operation: next(once, None)
    world.go_on_for(20.0)
    assert learned(fleet)["throttles"] == 1
    assert learned(fleet)["learned_rate"] is None


def test_what_was_learned_says_nothing_after_some_idle_minutes():
    world, provider, fleet = saturated(PRODUCTION, MINUTE / 2)
    provider.others_take(CONFIRMS, 0.6, START + MINUTE / 2)
    world.run(lambda: not fleet.unfinished(), 2 * MINUTE)
    assert learned(fleet)["learned_rate"] is not None
    world.go_on_for(3 * MINUTE)
    assert learned(fleet)["learned_rate"] is None
    for order in range(1000, 1010):
        fleet.accept(confirm(order))
    assert world.run(lambda: not fleet.unfinished(), MINUTE) < 1.0

"""One quota for the whole fleet: used to the last token, and never exceeded."""

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.model import ModelProvider, cancel, confirm
from tests.simulation.world import World
from worker.domain.staleness import PRIORITY


def warm_and_cold(world, seconds_cold, seconds_warm):
    def delay(cold):
        return world.random.uniform(0.5, 1.0) * (seconds_cold if cold else seconds_warm)

    return delay


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("cold", "warm"), [(0.0, 0.0), (0.8, 0.02), (0.3, 0.15)])
def test_300_jobs_drain_within_one_percent_of_what_is_permitted(workers, cold, warm):
    world = World(seed=workers)
    provider = ModelProvider(world, delay=warm_and_cold(world, cold, warm))
    fleet = Fleet(world, provider, workers=workers)
    for order in range(300):
        fleet.accept(confirm(order))
    took = world.run(lambda: not fleet.unfinished(), 400.0)
    assert provider.throttles() == 0
    assert set(fleet.states().values()) == {"succeeded"}
    assert len(provider.applied) == 300
    assert set(provider.applied.values()) == {1}
    assert took <= 290.0 * 1.01


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("besides", [0, 60])
def test_a_sweeps_cancels_use_the_quota_that_others_leave(workers, besides):
    """Each takes a token for its check and one for its cancel; what people ask for goes first."""
    world = World(seed=workers)
    provider = ModelProvider(world, delay=warm_and_cold(world, 0.3, 0.05))
    fleet = Fleet(world, provider, workers=workers)
    for order in range(60):
        provider.orders[cancel(order).order_id] = "Open"
        fleet.accept(cancel(order, priority=PRIORITY, stale_states=("Open",), key=f"{order}"))
    asked = [fleet.accept(cancel(order)).job_id for order in range(1000, 1000 + besides)]
    ahead = world.run(lambda: succeeded(fleet) >= set(asked), 400.0)
    took = ahead + world.run(lambda: not fleet.unfinished(), 400.0)
    assert provider.throttles() == 0
    assert set(provider.applied.values()) == {1}
    assert len(provider.applied) == 60 + besides
    assert ahead <= max(0.0, besides - 10.0) + 12.0  # nearly as if there were no sweep
    assert took <= (50.0 + besides) * 1.05


def succeeded(fleet):
    return {name for name, state in fleet.states().items() if state == "succeeded"}

"""One quota for the whole fleet: used to the last token, and never exceeded."""

import pytest

from tests.simulation.model import ModelProvider, confirm
from tests.simulation.world import Fleet, World


def warm_and_cold(world, seconds_cold, seconds_warm):
    def delay(cold):
        return world.random.uniform(0.5, 1.0) * (seconds_cold if cold else seconds_warm)

    return delay


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("cold", "warm"), [(0.0, 0.0), (0.8, 0.02), (0.3, 0.15)])
def test_300_jobs_drain_within_one_percent_of_what_is_permitted(tmp_path, workers, cold, warm):
    world = World(seed=workers)
    provider = ModelProvider(world, delay=warm_and_cold(world, cold, warm))
    fleet = Fleet(world, tmp_path / "ledger.db", provider, workers=workers)
    for order in range(300):
        fleet.accept(confirm(order))
    took = world.run(lambda: not fleet.unfinished(), 400.0)
    assert provider.throttles() == 0
    assert set(fleet.states().values()) == {"succeeded"}
    assert len(provider.applied) == 300
    assert set(provider.applied.values()) == {1}
    assert took <= 290.0 * 1.01

"""A sweep's cancel on the virtual clock: single scenes."""

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.model import ModelProvider
from tests.simulation.world import World
from worker import crash
from worker.domain.jobs import Policy
from worker.domain.staleness import ShopOrder, StalePolicy
from worker.ledger import claims, recovery
from worker.ledger.schema import attempts, buckets

ORDER = "S01-0000000-0000001"
STALE = StalePolicy("acme", every=60.0, after=60.0, states=("Open",), limit=100)


@pytest.fixture
def fleet():
    world = World(seed=7)
    provider = ModelProvider(world, delay=lambda _cold: 0.05, orders={ORDER: "Open"})
    return Fleet(world, provider)


def rows(fleet, table):
    with fleet.database.read() as connection:
        return connection.execute(table.select()).all()


def test_a_token_that_a_lost_worker_had_reserved_is_given_back(fleet):
    job_id = fleet.accept(STALE.cancel(ShopOrder(ORDER)), may_publish=False).job_id
    assert claims.claim(fleet.ledger, job_id, "lost worker").reserved
    fleet.world.now += Policy().lease
    recovery.recover(fleet.ledger, "dispatcher")
    levels = {row.operation: row.level for row in rows(fleet, buckets)}
    assert levels["CancelOrderReference"] == 10.0
    assert [each.number for each in rows(fleet, attempts)] == [1]


def test_a_check_is_made_anew_once_its_worker_has_stood_still(fleet, monkeypatch):
    """Nobody has taken the lease away: all that there was has stood still with it."""
    still = [2.0 * Policy().lease]  # seconds, once

    def stand_still(name):
        if name == "after_check" and still:
            fleet.world.stand_still(still.pop(), whole=True)
            fleet.provider.orders[ORDER] = "Closed"  # somebody is done with it meanwhile

    monkeypatch.setattr(crash, "point", stand_still)
    job_id = fleet.accept(STALE.cancel(ShopOrder(ORDER)), may_publish=False).job_id
    fleet.world.run(lambda: not fleet.unfinished(), 600.0)
    assert fleet.states() == {job_id: "withdrawn"}
    assert {each.step for each in rows(fleet, attempts)} == {"lookup:check"}

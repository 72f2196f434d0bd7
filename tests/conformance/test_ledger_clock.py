"""SQLite goes by the machine's clock, which somebody sets an hour forward, or back.

What recovers when: no jump gives a bucket anything, nor takes anything from it; a jump forward that
no process has lived through fills it once. A lease ends at once by a jump forward, its job is
looked up, and its worker comes too late; by a jump back it lasts no longer than a lease and a
minute. What is parked until a time waits for the clock to be there.
"""

import itertools

import pytest

from tests.conformance.steps import Quotas, accept, confirm, hold, job, rows, settle
from worker.domain.jobs import Policy
from worker.ledger import claims, recovery, rounds, routing, upgrade
from worker.ledger.database import Database
from worker.ledger.holds import Claim
from worker.ledger.ledger import Ledger
from worker.ledger.schema import buckets

HOUR = 3600.0
CAPACITY, RATE = 10.0, 1.0
NUMBERS = itertools.count(1000)
SAFETY_NET = 1.0  # seconds until a dispatcher looks at everything again


class Clock:
    now = 1_800_000_000.0
    lived = 0.0

    def __call__(self):
        return self.now

    def elapsed(self):
        return self.lived

    def passes(self, seconds):
        self.now += seconds
        self.lived += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def set_ledger(tmp_path, clock):
    """A ledger that goes by a clock which a test sets."""
    database = Database(f"sqlite:///{tmp_path}/ledger.db", clock=clock, elapsed=clock.elapsed)
    upgrade.upgrade(database)
    yield Ledger(database, Quotas(CAPACITY, RATE), Policy())
    database.engine.dispose()


def burst(ledger):
    """How many jobs can be claimed at this moment, if there are enough; each ends at once."""
    taken = 0
    for _ in range(30):
        accept(ledger, confirm(next(NUMBERS)))
    for row in rows(ledger):
        if row.state == "waiting" and isinstance(held := claims.claim(ledger, row.id, "w"), Claim):
            settle(ledger, held)
            taken += 1
    return taken


def test_a_jump_back_gives_a_bucket_nothing(set_ledger, clock):
    assert burst(set_ledger) == CAPACITY
    clock.now -= HOUR
    assert burst(set_ledger) == 0
    routing.find_strays(set_ledger)  # of the next round
    assert burst(set_ledger) == 0
    clock.passes(3.0)
    assert burst(set_ledger) == 3 * RATE


def test_nor_does_a_jump_forward_and_the_way_back(set_ledger, clock):
    assert burst(set_ledger) == CAPACITY
    clock.now += HOUR
    assert burst(set_ledger) == 0
    clock.passes(2.0)
    assert burst(set_ledger) == 2 * RATE
    clock.now -= HOUR
    routing.find_strays(set_ledger)
    assert burst(set_ledger) == 0
    clock.passes(2.0)
    assert burst(set_ledger) == 2 * RATE
    assert all(0.0 <= row.level <= CAPACITY for row in rows(set_ledger, buckets))


def test_a_bucket_that_nobody_has_touched_meanwhile_is_filled_by_what_has_passed(set_ledger, clock):
    assert burst(set_ledger) == CAPACITY
    clock.passes(1.0)
    clock.now += HOUR
    set_ledger.database.time()  # as a dispatcher does, every second
    clock.passes(1.0)
    clock.now += HOUR
    set_ledger.database.time()
    clock.passes(1.0)
    clock.now -= HOUR / 2
    set_ledger.database.time()
    clock.passes(1.0)
    assert burst(set_ledger) == 4 * RATE


def test_another_process_has_moved_it_along_already(set_ledger, clock, tmp_path):
    database = Database(f"sqlite:///{tmp_path}/ledger.db", clock=clock, elapsed=clock.elapsed)
    other = Ledger(database, set_ledger.routes, set_ledger.policy)
    assert burst(set_ledger) == CAPACITY
    clock.now += HOUR
    for ledger in (set_ledger, other, set_ledger):
        assert burst(ledger) == 0
    clock.passes(2.0)
    assert burst(other) == 2 * RATE
    assert burst(set_ledger) == 0
    database.engine.dispose()


def test_a_process_that_has_not_lived_through_the_jump_fills_it_once(set_ledger, clock, tmp_path):
    assert burst(set_ledger) == CAPACITY
    clock.now += HOUR
    database = Database(f"sqlite:///{tmp_path}/ledger.db", clock=clock, elapsed=clock.elapsed)
    other = Ledger(database, set_ledger.routes, set_ledger.policy)
    assert burst(other) == CAPACITY
    assert burst(set_ledger) == burst(other) == 0
    database.engine.dispose()


def test_time_under_the_lock_never_goes_back(set_ledger, clock):
    first = hold(set_ledger, accept(set_ledger, confirm(1)).job_id)
    clock.now -= 30.0  # it wavers: less than a minute is not followed
    second = hold(set_ledger, accept(set_ledger, confirm(2)).job_id)
    assert second.turn.at == first.turn.at


def test_a_jump_forward_ends_a_lease_and_its_worker_writes_nothing(set_ledger, clock):
    held = hold(set_ledger, accept(set_ledger, confirm(1)).job_id)
    clock.now += HOUR
    assert recovery.recover(set_ledger, "dispatcher") == 1
    assert job(set_ledger, held.job.id).state == "in_doubt"  # looked up before it is sent again
    assert not settle(set_ledger, held)
    assert hold(set_ledger, held.job.id).job.step.is_lookup


def test_a_jump_back_leaves_a_lost_workers_job_to_the_next_minute(set_ledger, clock):
    held = hold(set_ledger, accept(set_ledger, confirm(1)).job_id)
    clock.now -= HOUR
    routing.find_strays(set_ledger)
    clock.now += set_ledger.policy.lease + SAFETY_NET
    assert recovery.recover(set_ledger, "dispatcher") == 1
    assert job(set_ledger, held.job.id).state == "in_doubt"


def test_what_was_published_before_a_jump_back_is_published_again(set_ledger, clock):
    hold(set_ledger, accept(set_ledger, confirm(2)).job_id)
    job_id = accept(set_ledger, confirm(1)).job_id
    assert job(set_ledger, job_id).publish_at > clock.now
    clock.now -= HOUR
    routing.find_strays(set_ledger)
    assert job(set_ledger, job_id).publish_at == 0.0


def test_what_was_accepted_before_a_small_jump_back_waits_for_that_long_and_no_longer(
    set_ledger, clock
):
    routing.prepare(set_ledger)
    job_id = accept(set_ledger, confirm(1), may_publish=False).job_id

    def published():
        routing.wake_sleepers(set_ledger)
        return [each.id for each in rounds.dispatch(set_ledger, "w", 4, (), 1.0).messages]

    clock.now -= 5.0  # it wavers
    assert published() == []
    clock.passes(5.0)
    assert published() == [job_id]
    assert isinstance(claims.claim(set_ledger, job_id, "w"), Claim)

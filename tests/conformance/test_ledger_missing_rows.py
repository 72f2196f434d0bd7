"""Rows that somebody has deleted by hand: work goes on, and the quota holds."""

import pytest

from tests.conformance.steps import APPLIED, Quotas, accept, confirm, hold, job, rows, settle
from worker.ledger import claims, routing
from worker.ledger.holds import Claim
from worker.ledger.schema import buckets, orders

pytestmark = pytest.mark.by_hand
CAPACITY, RATE = 5.0, 0.01  # its last 500 seconds are those that count


@pytest.fixture
def slow(open_ledger):
    return open_ledger(Quotas(capacity=CAPACITY, rate=RATE))


def delete(ledger, table):
    with ledger.database.write() as connection:
        connection.execute(table.delete())


def claimed(ledger, ids):
    tried = [claims.claim(ledger, job_id, "w") for job_id in ids]
    return [each for each in tried if isinstance(each, Claim)]


@pytest.mark.parametrize("found_by", ["a round", "a claim"])
@pytest.mark.parametrize("ended", [True, False], ids=["calls that ended", "calls in flight"])
def test_a_bucket_starts_at_its_capacity_less_its_calls_of_the_last_time(slow, found_by, ended):
    ids = [accept(slow, confirm(number), may_publish=False).job_id for number in range(10)]
    for job_id in ids[:3]:
        held = hold(slow, job_id)
        if ended:
            settle(slow, held, APPLIED)
    delete(slow, buckets)
    if found_by == "a round":
        routing.find_strays(slow)
        assert [round(row.level) for row in rows(slow, buckets)] == [2]
    assert [each.job.id for each in claimed(slow, ids[3:])] == ids[3:5]
    assert job(slow, ids[5]).state == "waiting"


def test_it_is_deleted_again_and_again_and_gives_no_more(slow):
    ids = [accept(slow, confirm(number), may_publish=False).job_id for number in range(20)]
    held = []
    for job_id in ids:
        delete(slow, buckets)
        held += claimed(slow, [job_id])
    assert len(held) == CAPACITY


def test_an_order_that_is_missing_is_made_again(slow):
    first = hold(slow, accept(slow, confirm(1)).job_id)
    settle(slow, first)
    delete(slow, orders)
    again = accept(slow, confirm(1), again=True).job_id
    settle(slow, hold(slow, again))
    assert job(slow, again).state == "succeeded"
    assert len(rows(slow, orders)) == 1

"""Whether anybody works is told by what has stood for longer than a worker lets anything stand."""

import pytest
from sqlalchemy import update

from tests.conformance.steps import Quotas, accept, confirm, hold, settle
from worker.ledger import attendance, routing
from worker.ledger.schema import attempts, buckets, jobs

pytestmark = pytest.mark.by_hand  # times are put back
LONG_AGO = attendance.GRACE + 5.0  # seconds
SELLERS = ["acme"]


def move(ledger, table, seconds, *columns, **values):
    """Put these times of all rows back, or forward."""
    back = {name: table.c[name] + seconds for name in columns}
    with ledger.database.write() as connection:
        connection.execute(update(table).values(**back, **values))


def age(ledger, seconds=LONG_AGO):
    """As if nobody had touched the ledger since."""
    move(ledger, jobs, -seconds, "accepted_at", "due_at", "publish_at", "lease_until")
    move(ledger, attempts, -seconds, "claimed_at", "finished_at")
    move(ledger, buckets, -seconds, "level_at")


def nobody_works(ledger):
    return attendance.nobody_works(ledger, SELLERS)


def test_of_an_empty_ledger_nothing_is_said(ledger):
    assert not nobody_works(ledger)


@pytest.mark.parametrize("prepared", [True, False])
def test_a_job_that_could_run_and_stands_is_noticed(ledger, prepared):
    if prepared:
        routing.prepare(ledger)
    accept(ledger, confirm(1))
    assert not nobody_works(ledger)  # for a moment any job stands
    age(ledger)
    assert nobody_works(ledger)


def test_a_job_that_was_published_a_moment_ago_is_not(ledger):
    accept(ledger, confirm(1))
    age(ledger)
    move(ledger, jobs, LONG_AGO, "publish_at")
    assert not nobody_works(ledger)


def test_a_job_without_a_token_waits_for_its_quota_and_not_for_a_worker(open_ledger):
    ledger = open_ledger(Quotas(capacity=1.0, rate=0.001))
    routing.prepare(ledger)
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))
    accept(ledger, confirm(2))
    age(ledger)
    assert not nobody_works(ledger)
    move(ledger, buckets, 0.0, level=1.0)
    assert nobody_works(ledger)


def test_a_job_of_a_closed_bucket_waits_for_its_opening(ledger):
    routing.prepare(ledger)
    accept(ledger, confirm(1))
    age(ledger)
    move(ledger, buckets, 0.0, open_at=4e9, closed_for="credentials")
    assert not nobody_works(ledger)


def test_while_a_worker_holds_a_job_somebody_works(ledger):
    for number in (1, 2):
        accept(ledger, confirm(number), job_id=f"job-{number}")
    hold(ledger, "job-1")
    age(ledger)
    move(ledger, jobs, 2 * LONG_AGO, "lease_until")
    assert not nobody_works(ledger)
    age(ledger, 3 * LONG_AGO)  # an ended lease that no dispatcher takes away
    assert nobody_works(ledger)


def test_whoever_has_claimed_a_moment_ago_works(ledger):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))
    accept(ledger, confirm(2))
    age(ledger)
    move(ledger, attempts, LONG_AGO, "claimed_at")
    assert not nobody_works(ledger)


def test_a_sleeper_that_is_not_woken_and_a_job_that_is_not_routed_are_noticed(ledger):
    accept(ledger, confirm(1), due_in=1.0)
    assert not nobody_works(ledger)
    age(ledger)
    assert nobody_works(ledger)
    move(ledger, jobs, 0.0, bucket=None)
    assert nobody_works(ledger)
    assert not attendance.nobody_works(ledger, ["another"])

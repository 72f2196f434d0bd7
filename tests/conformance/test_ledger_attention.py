"""Which jobs need a person or the buyer, on each database."""

import pytest
from sqlalchemy import update

from tests.conformance.steps import accept, cancel, confirm
from worker.domain.retries import Schedule
from worker.ledger import queries, retries, withdrawals
from worker.ledger.filters import Filters
from worker.ledger.schema import jobs

pytestmark = pytest.mark.by_hand  # rows of every state

REJECTED = {"kind": "rejected", "advice": "Set the order total."}
EXHAUSTED = {"kind": "attempts_exhausted", "advice": "Retry the job."}
UNKNOWN = {"kind": "outcome_unknown"}
SCHEDULE = Schedule(since=3600.0, at_most=3)


def left(ledger, request, state, error=None, **values):
    """A job that was left in this state."""
    job_id = accept(ledger, request).job_id
    ended = {"holds_key": False} if state in {"rejected", "failed", "withdrawn"} else {}
    with ledger.database.write() as connection:
        at = ledger.database.now(connection)
        ended |= {"finished_at": at} if ended else {}
        values = {"state": state, "error": error, "ready": False, **ended, **values}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
    return job_id


def needing(ledger, schedule=None, limit=50, **filters):
    """What to do, by job, the newest first."""
    chosen = Filters(needs_attention=True, schedule=schedule, **filters)
    return {job["id"]: job["to_do"] for job in queries.find(ledger, chosen, limit)}


def test_those_who_need_somebody_are_listed_each_with_what_to_do(ledger):
    rejected = left(ledger, confirm(1), "rejected", REJECTED)
    unknown = left(ledger, cancel(2), "failed", UNKNOWN)
    buyer = left(ledger, confirm(3), "waiting", waiting_for="buyer")
    keys = left(ledger, confirm(4), "waiting", waiting_for="credentials")
    doubt = left(ledger, confirm(5), "in_doubt", waiting_for="credentials")
    left(ledger, confirm(6), "succeeded")
    left(ledger, confirm(7), "withdrawn")
    left(ledger, confirm(8), "waiting", waiting_for="backoff")
    left(ledger, confirm(9), "running", waiting_for=None)
    found = needing(ledger)
    assert list(found) == [doubt, keys, buyer, unknown, rejected]
    assert found[rejected] == "Set the order total."
    assert "may have been applied" in found[unknown]
    assert "authenticate" in found[buyer]
    assert "credentials" in found[keys]


def test_what_the_schedule_will_retry_is_not_among_them(ledger):
    by_schedule = left(ledger, confirm(1), "failed", EXHAUSTED)
    often = left(ledger, confirm(2), "failed", EXHAUSTED, retries=3)
    of_cancel = left(ledger, cancel(3), "failed", EXHAUSTED)
    assert list(needing(ledger)) == [of_cancel, often, by_schedule]
    assert list(needing(ledger, SCHEDULE)) == [of_cancel, often]


def test_nor_what_a_newer_job_has_superseded(ledger):
    asked_again = left(ledger, confirm(1), "rejected", REJECTED)
    left(ledger, confirm(1), "succeeded")
    cancelled = left(ledger, confirm(2), "failed", UNKNOWN)
    refused = left(ledger, cancel(2), "rejected", REJECTED)
    of_sweep = left(ledger, confirm(3), "failed", UNKNOWN)
    withdrawals.withdraw(ledger, accept(ledger, cancel(3)).job_id, "sweep", "authorized")
    other_task = left(ledger, cancel(4), "rejected", REJECTED)
    left(ledger, confirm(4), "succeeded")
    assert list(needing(ledger)) == [other_task, of_sweep, refused]
    assert not {asked_again, cancelled} & set(needing(ledger))


def test_nor_the_newer_one_of_which_an_older_was_retried(ledger):
    older = left(ledger, confirm(1), "failed", EXHAUSTED)
    newer = left(ledger, confirm(1), "rejected", REJECTED)
    assert list(needing(ledger)) == [newer]
    assert retries.retry(ledger, older, actor="operator").refusal is None
    assert needing(ledger) == {}


def test_other_filters_and_the_limit_hold_across_pages(ledger, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 2)
    ids = [left(ledger, confirm(order), "failed", EXHAUSTED) for order in range(3)]
    other = [left(ledger, cancel(order), "rejected", REJECTED) for order in range(3, 8)]
    assert list(needing(ledger, SCHEDULE)) == other[::-1]
    assert list(needing(ledger, SCHEDULE, limit=3)) == other[:1:-1]
    assert list(needing(ledger, task="confirm")) == ids[::-1]
    assert list(needing(ledger, before=other[2])) == [*other[1::-1], *ids[::-1]]


@pytest.mark.parametrize("schedule", [None, SCHEDULE])
def test_an_order_without_trouble_needs_nobody(ledger, schedule):
    accept(ledger, confirm(1))
    assert needing(ledger, schedule) == {}

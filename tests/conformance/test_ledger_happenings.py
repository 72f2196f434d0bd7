"""What has happened is told once, also what came to light late and what lasted long."""

import pytest
from sqlalchemy import insert, select, update

from tests.conformance.steps import APPLIED, accept, confirm, hold, settle
from worker.domain.jobs import Policy
from worker.ledger import happenings, recovery
from worker.ledger.happenings import Happenings
from worker.ledger.schema import attempts, jobs, transitions


@pytest.fixture
def ledger(open_ledger):
    return open_ledger(policy=Policy(lookup_after_confirm=False))


def told(found):
    steps, calls = found.read()
    return [(step.old, step.new) for step in steps], [call.outcome for call in calls]


def test_what_was_before_is_not_told(ledger):
    accept(ledger, confirm(1))
    assert told(Happenings(ledger)) == ([], [])


def test_each_step_and_each_request_is_told_once(ledger):
    found = Happenings(ledger)
    job_id = accept(ledger, confirm(1)).job_id
    assert told(found) == ([(None, "waiting")], [])
    held = hold(ledger, job_id)
    assert told(found) == ([("waiting", "running")], [])  # the request is still under way
    settle(ledger, held, APPLIED, lookup_after_confirm=False)
    assert told(found) == ([("running", "succeeded")], ["applied"])
    assert told(found) == ([], [])


def test_a_request_that_lasts_longer_than_those_after_it_is_told(ledger, monkeypatch):
    monkeypatch.setattr(happenings, "OVER", 0.0)
    found = Happenings(ledger)
    slow, quick = (hold(ledger, accept(ledger, confirm(n)).job_id) for n in (1, 2))
    settle(ledger, quick, APPLIED, lookup_after_confirm=False)
    assert told(found)[1] == ["applied"]
    assert told(found)[1] == []
    settle(ledger, slow, APPLIED, lookup_after_confirm=False)
    assert told(found)[1] == ["applied"]
    assert told(found)[1] == []


@pytest.mark.by_hand
def test_a_row_that_comes_to_light_after_the_next_one_is_told(ledger):
    """A number is given when a row is written, and seen when its transaction has ended."""
    found = Happenings(ledger)
    accept(ledger, confirm(1))
    with ledger.database.write() as connection:
        first = connection.execute(select(transitions)).one()._asdict()
        connection.execute(update(transitions).values(id=first["id"] + 1))
    assert told(found) == ([(None, "waiting")], [])
    with ledger.database.write() as connection:
        connection.execute(insert(transitions).values(**first))
    assert told(found) == ([(None, "waiting")], [])
    assert told(found) == ([], [])


def test_there_may_be_more_than_a_page(ledger, monkeypatch):
    monkeypatch.setattr(happenings, "BATCH", 2)
    for name in ("STEPS", "CALLS"):
        monkeypatch.setattr(happenings, name, getattr(happenings, name).limit(2))
    found = Happenings(ledger)
    for number in range(5):
        accept(ledger, confirm(number))
    assert len(told(found)[0]) == 5
    accept(ledger, confirm(6))
    assert len(told(found)[0]) == 1


def test_what_is_long_over_is_not_read_again(ledger, monkeypatch):
    monkeypatch.setattr(happenings, "OVER", 0.0)
    found = Happenings(ledger)
    accept(ledger, confirm(1))
    assert len(told(found)[0]) == 1
    assert found._steps._told == set()  # else it would grow for ever


@pytest.mark.by_hand
def test_a_lost_lease_is_known_by_what_its_job_says(ledger):
    found = Happenings(ledger)
    hold(ledger, accept(ledger, confirm(1)).job_id)
    with ledger.database.write() as connection:
        connection.execute(update(jobs).values(lease_until=0.0))
        connection.execute(update(attempts).values(claimed_at=0.0))
    recovery.recover(ledger, "another")
    steps, calls = found.read()
    assert [step.lost_lease for step in steps] == [False, False, True]
    assert [call.outcome for call in calls] == ["unknown"]

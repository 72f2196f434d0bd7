"""Schedules on each database: run once per interval by the whole fleet, whoever is lost."""

import time

from sqlalchemy import update

from tests.conformance.steps import at_once, rows
from worker.ledger import schedules
from worker.ledger.schedules import Due
from worker.ledger.schema import schedules as table

EVERY = {"stale/acme": 300.0}
NAMES = list(EVERY)


def ready(ledger):
    schedules.ensure(ledger.database, EVERY)
    return ledger.database


def test_a_new_schedule_is_due_at_once_and_then_an_interval_later(ledger):
    database = ready(ledger)
    (due,) = schedules.take_due(database, NAMES)
    assert schedules.begin(database, due)
    schedules.finish(database, due)
    assert schedules.take_due(database, NAMES) == []
    is_due, next_in = schedules.look(database, NAMES)
    assert not is_due
    assert 299.0 < next_in <= 300.0


def test_one_of_many_dispatchers_is_given_it(ledger):
    database = ready(ledger)
    taken = at_once([lambda: schedules.take_due(database, NAMES)] * 6)
    assert sum(map(len, taken)) == 1


def test_a_message_that_comes_twice_runs_once(ledger):
    database = ready(ledger)
    (due,) = schedules.take_due(database, NAMES)
    begun = at_once([lambda: schedules.begin(database, due)] * 4)
    assert sorted(begun) == [False, False, False, True]
    schedules.finish(database, due)
    assert not schedules.begin(database, due)


def test_a_run_that_was_lost_is_taken_up_by_another_and_the_late_one_writes_nothing(ledger):
    database = ready(ledger)
    (lost,) = schedules.take_due(database, NAMES)
    assert schedules.begin(database, lost)
    ends(database, lease_until=time.time() - 1)
    (again,) = schedules.take_due(database, NAMES)
    schedules.finish(database, lost)
    assert schedules.begin(database, again)
    assert rows(ledger, table)[0].last_at is None


def test_a_message_whose_lease_has_ended_does_nothing(ledger):
    database = ready(ledger)
    (due,) = schedules.take_due(database, NAMES)
    assert not schedules.begin(database, Due(due.name, time.time() - 1))


def test_what_could_not_be_told_is_due_again(ledger):
    database = ready(ledger)
    (due,) = schedules.take_due(database, NAMES)
    schedules.give_up(database, due)
    assert [each.name for each in schedules.take_due(database, NAMES)] == NAMES


def test_runs_that_were_missed_are_made_up_for_once(ledger):
    database = ready(ledger)
    began = time.time() - 3 * 300.0 - 10
    ends(database, next_at=began)
    (due,) = schedules.take_due(database, NAMES)
    schedules.begin(database, due)
    schedules.finish(database, due)
    assert rows(ledger, table)[0].next_at == began + 4 * 300.0


def test_another_interval_is_followed_and_other_schedules_are_left_alone(ledger):
    database = ready(ledger)
    (due,) = schedules.take_due(database, NAMES)
    schedules.begin(database, due)
    schedules.finish(database, due)
    schedules.ensure(database, {"stale/acme": 7.0, "retry": 5.0})
    assert {row.name: row.every for row in rows(ledger, table)} == {"stale/acme": 7.0, "retry": 5.0}
    assert [each.name for each in schedules.take_due(database, NAMES)] == NAMES


def ends(database, **values):
    with database.write() as connection:
        connection.execute(update(table).values(**values))

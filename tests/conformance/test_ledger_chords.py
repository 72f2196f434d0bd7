"""A chord waits as rows for its members, and is told until its body was sent."""

import functools

import pytest
from sqlalchemy import update

from tests.conformance.steps import at_once, rows
from worker.ledger import chords, rounds
from worker.ledger.chords import Chord
from worker.ledger.schema import chord_parts
from worker.ledger.schema import chords as table

CHORD = Chord("the chord", [["one", None], ["two", None]], {"task": "shop.gather"})


@pytest.fixture
def told(open_ledger):
    """The chords that a dispatcher's round tells."""
    ledger = open_ledger()

    def tell():
        return [each.id for each in rounds.dispatch(ledger, "worker", 1, (), 1.0).messages]

    return tell


def test_nothing_is_told_before_the_last_member_is_done(ledger, told):
    chords.record(ledger.database, CHORD, ["one", "two"])
    chords.part_done(ledger.database, "one")
    chords.part_done(ledger.database, "one")
    chords.part_done(ledger.database, "nobody")
    assert told() == []
    assert chords.find(ledger.database, CHORD.id) is None
    chords.part_done(ledger.database, "two")
    assert told() == [CHORD.id]
    assert told() == []  # not at once again
    assert chords.find(ledger.database, CHORD.id) == CHORD


def test_a_chord_is_told_again_until_its_body_was_sent(ledger, told):
    chords.record(ledger.database, CHORD, ["one"])
    chords.part_done(ledger.database, "one")
    assert told() == [CHORD.id]
    with ledger.database.write() as connection:  # a minute passes
        connection.execute(update(table).values(publish_at=0.0))
    assert told() == [CHORD.id]
    chords.fired(ledger.database, CHORD.id)
    with ledger.database.write() as connection:
        connection.execute(update(table).values(publish_at=0.0))
    assert told() == []
    assert chords.find(ledger.database, CHORD.id) is None


def test_two_dispatchers_do_not_tell_the_same_chord(open_ledger):
    ledgers = [open_ledger() for _ in range(4)]
    chords.record(ledgers[0].database, CHORD, ["one"])
    chords.part_done(ledgers[0].database, "one")
    found = at_once(
        [functools.partial(rounds.dispatch, each, "worker", 1, (), 1.0) for each in ledgers]
    )
    assert [message.id for each in found for message in each.messages] == [CHORD.id]


def test_a_chord_that_is_asked_for_again_waits_for_nobody_twice(ledger, told):
    chords.record(ledger.database, CHORD, ["one", "two"])
    chords.part_done(ledger.database, "one")
    chords.record(ledger.database, CHORD, ["one", "two"])
    chords.part_done(ledger.database, "two")
    assert told() == [CHORD.id]


def test_a_task_may_be_a_member_of_two_chords(ledger, told):
    other = Chord("another", [], {"task": "shop.gather"})
    chords.record(ledger.database, CHORD, ["one"])
    chords.record(ledger.database, other, ["one"])
    chords.part_done(ledger.database, "one")
    assert sorted(told()) == ["another", "the chord"]


def test_of_members_that_are_done_at_once_one_is_the_last(open_ledger):
    ledgers = [open_ledger() for _ in range(4)]
    for number in range(20):
        members = [f"{number}/{each}" for each in range(8)]
        chords.record(ledgers[0].database, Chord(str(number), [], {}), members)
        at_once(
            [
                functools.partial(chords.part_done, ledgers[place % 4].database, each)
                for place, each in enumerate(members)
            ]
        )
    assert all(row.complete_at for row in rows(ledgers[0], table))
    assert rows(ledgers[0], chord_parts) == []

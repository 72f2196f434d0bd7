"""The body of a chord: started with its members' results, whatever other threads do meanwhile."""

import pytest
from celery import _state
from celery.result import AsyncResult, GroupResult

from worker import chords, results
from worker.app import app
from worker.errors import LedgerUnavailable
from worker.ledger import chords as kept

BODY = "shop.gather"


class Backend(results.LedgerBackend):
    """`meanwhile` happens each time that a member's result is waited for."""

    def meanwhile(self):
        pass

    def wait_for(self, *args, **options):
        self.meanwhile()
        return super().wait_for(*args, **options)


@pytest.fixture
def backend(door, monkeypatch):
    backend = Backend(app=app)
    monkeypatch.setattr(app._local, "backend", backend, raising=False)
    monkeypatch.setattr(_state, "_task_join_will_block", True)  # as in a worker
    return backend


@pytest.fixture
def sent(monkeypatch):
    """The arguments of the bodies that were sent."""
    found = []

    def send(_app, name, args=None, *_more, **_options):
        assert name == BODY
        found.append(args)

    monkeypatch.setattr(type(app), "send_task", send)
    return found


@pytest.fixture
def complete(door, backend):
    """A chord whose two members, tasks of the shop, have come to 1 and 2."""
    database = door.ledger.database
    members = [AsyncResult(name, app=app) for name in ("one", "two")]
    chords.record(database, backend, GroupResult("chord", members), app.signature(BODY))
    for number, member in enumerate(members, start=1):
        backend.mark_as_done(member.id, number)
        kept.part_done(database, member.id)
    return "chord"


def test_the_end_of_another_threads_chord_does_not_fail_this_one(door, backend, sent, complete):
    backend.meanwhile = lambda: _state._set_task_join_will_block(True)
    chords.start_body(door.ledger.database, backend, complete)
    assert sent == [([1, 2],)]
    assert kept.find(door.ledger.database, complete) is None


def test_a_ledger_that_is_away_fails_no_chord(door, backend, sent, complete):
    def away():
        raise LedgerUnavailable("away")

    backend.meanwhile = away
    with pytest.raises(LedgerUnavailable):
        chords.start_body(door.ledger.database, backend, complete)
    assert sent == []
    assert kept.find(door.ledger.database, complete)
    backend.meanwhile = lambda: None
    chords.start_body(door.ledger.database, backend, complete)
    assert sent == [([1, 2],)]

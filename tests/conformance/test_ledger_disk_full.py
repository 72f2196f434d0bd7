"""SQLite on a full disk: what cannot be kept is not accepted, and an answer waits for room."""

import threading

import pytest
from sqlalchemy import event, text

from tests.conformance.steps import accept, confirm, rows
from tests.conformance.test_ledger_lost_commits import Provider, carry_out, steps_of
from worker.domain.outcomes import Answer, Outcome
from worker.errors import LedgerUnavailable
from worker.ledger.schema import transitions

LONG = Answer(Outcome.REJECTED, status=400, code="Odd", message="x" * 200_000)


class Disk:
    """A limit of pages, as the file system has one of blocks; SQLite says the same of both."""

    def __init__(self, database):
        self.pages = None
        self.engine = database.engine
        event.listen(self.engine, "checkout", self.limit)

    def limit(self, connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {self.pages or 1_000_000}")

    def fill(self):
        with self.engine.connect() as connection:
            self.pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    def make_room(self):
        self.pages = None


@pytest.fixture
def disk(ledger):
    return Disk(ledger.database)


ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@ON_SQLITE
def test_nothing_is_accepted_that_is_not_kept(ledger, disk):
    disk.fill()
    accepted = []

    def accept_all():
        for number in range(1000):
            accepted.append(accept(ledger, confirm(number)).job_id)  # noqa: PERF401 - until it fails

    with pytest.raises(LedgerUnavailable, match=r"its disk is full\. Make room; nothing was"):
        accept_all()
    assert [row.id for row in rows(ledger)] == accepted
    assert [row.job_id for row in rows(ledger, transitions)] == accepted
    disk.make_room()
    assert accept(ledger, confirm(len(accepted))).created


@ON_SQLITE
def test_an_answer_waits_for_room(ledger, disk):
    job_id = accept(ledger, confirm(1)).job_id
    provider = Provider(LONG)
    provider.meanwhile = disk.fill
    threading.Timer(0.5, disk.make_room).start()
    assert carry_out(ledger, job_id, provider).state == "rejected"
    assert steps_of(ledger, job_id) == ["waiting", "running", "rejected"]
    assert len(provider.asked) == 1

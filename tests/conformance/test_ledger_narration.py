"""What the log says is what the history says: a line for each row, once it is written."""

from contextlib import contextmanager, suppress

import pytest

from tests.conformance.steps import (
    REFUSED,
    UNKNOWN,
    accept,
    cancel,
    confirm,
    hold,
    rows,
    settle,
)
from worker.domain.jobs import Policy
from worker.errors import CommitUnknown, LedgerUnavailable
from worker.ledger import acceptance, keeping, orders, recovery, retries, withdrawals
from worker.ledger.acceptance import Terms
from worker.ledger.schema import jobs, transitions
from worker.ledger.sharing import Sharing

TRACE = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
COLUMNS = {"was": "old", "state": "new", "why": "why", "waiting_for": "waiting_for"}
AT_ONCE = Policy(lease=0.001)


@pytest.fixture
def lines(caplog):
    """The lines so far, as their words."""
    caplog.set_level("INFO", "worker.ledger")
    return lambda: [
        each.order_worker_words for each in caplog.records if each.name == "worker.ledger"
    ]


def told(lines):
    return [
        (each["event"], each.get("job"), *(each.get(word) for word in COLUMNS), each["actor"])
        for each in lines()
        if each["event"] != "attempt"
    ]


def written(ledger):
    return [
        (row.subject, row.job_id, *(getattr(row, name) for name in COLUMNS.values()), row.actor)
        for row in rows(ledger, transitions)
    ]


def live(ledger):
    """Every verb that changes a job or an order, under the names that a log must tell apart."""
    for number, job_id in enumerate(("done", "failed", "withdrawn", "kept", "overtaken", "doubt")):
        accept(ledger, confirm(number), job_id=job_id, trace=CONTEXT)
    accept(ledger, cancel(4), job_id="overtakes", trace=CONTEXT)
    acceptance.accept_each(
        ledger, [(confirm(n), Terms(f"list-{n}", "till", trace=CONTEXT)) for n in (7, 8)]
    )
    odd = Terms("odd", "message", trace=CONTEXT)
    acceptance.reject(ledger, confirm(9), odd, {"kind": "bad_input", "message": "it is odd"})
    settle(ledger, hold(ledger, "done"))
    settle(ledger, hold(ledger, "failed"), REFUSED, max_attempts=1)
    retries.retry(ledger, "failed", actor="ann", why="a phone call")
    withdrawals.withdraw(ledger, "withdrawn", "ann", "not wanted")
    keeping.keep(ledger, "acme", confirm(3).order_id, actor="ann", why=None)
    settle(ledger, hold(ledger, "overtakes"))
    settle(ledger, hold(ledger, "doubt"), UNKNOWN)
    orders.disclose(ledger, "done", actor="ann")


def test_every_row_of_the_history_has_its_line_and_every_line_its_row(ledger, lines):
    live(ledger)
    assert told(lines) == written(ledger)
    by_id = {row.id: row for row in rows(ledger, jobs)}
    for line in lines():
        if line["event"] == "job":
            row = by_id[line["job"]]
            assert (line["seller"], line["order"]) == (row.seller, row.order_id)
            assert line["trace_id"] == TRACE


def test_a_lost_worker_is_a_warning_with_the_attempt_that_it_has_left(open_ledger, caplog, lines):
    ledger = open_ledger(policy=AT_ONCE)
    accept(ledger, confirm(1), job_id="lost")
    hold(ledger, "lost", "a dead worker")
    while not recovery.recover(ledger, "dispatcher"):
        pass
    assert told(lines) == written(ledger)
    (attempt,) = [each for each in lines() if each["event"] == "attempt"]
    assert (attempt["attempt"], attempt["outcome"]) == (1, "unknown")
    assert attempt["lost_worker"] == "a dead worker"
    warned = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(warned) == 2


def test_what_is_not_written_is_not_told(ledger, lines):
    accept(ledger, confirm(1), job_id="a")
    before = lines()
    with suppress(ZeroDivisionError), ledger.database.write() as connection:
        acceptance.accept_within(ledger, connection, confirm(2), Terms("b", "producer"))
        raise ZeroDivisionError
    assert accept(ledger, confirm(1), job_id="b").job_id == "a"
    assert lines() == before


def test_a_refused_retry_takes_its_line_back(ledger, lines):
    accept(ledger, confirm(1), job_id="old")
    settle(ledger, hold(ledger, "old"), REFUSED, max_attempts=1)
    accept(ledger, confirm(1), job_id="new")
    before = lines()
    assert retries.retry(ledger, "old", actor="ann").refusal
    assert lines() == before


def test_who_reads_no_lines_loads_nothing_for_them(ledger, caplog):
    caplog.set_level("WARNING", "worker.ledger")
    live(ledger)
    assert [each for each in caplog.records if each.levelname == "INFO"] == []


def test_a_commit_that_was_not_answered_is_told_as_such(ledger, lines, monkeypatch):
    if not ledger.database.is_sqlite:
        pytest.skip("the same code; on SQLite its commit is easier to lose")
    part = Sharing.part

    @contextmanager
    def lost(self, **how):
        with part(self, **how) as connection:
            yield connection
        raise CommitUnknown("the answer was lost")

    monkeypatch.setattr(Sharing, "part", lost)
    with pytest.raises(LedgerUnavailable):
        withdrawals.withdraw(ledger, "none", "ann", "why")
    with pytest.raises(LedgerUnavailable):
        keeping.keep(ledger, "acme", "S01-1", actor="ann", why=None)
    (line,) = lines()
    assert (line["event"], line["state"], line["unconfirmed"]) == ("order", "kept", True)

"""What comes through a door is kept or refused; it neither is lost there nor waits for ever."""

from dataclasses import replace

import pytest

from tests.conformance.steps import accept, confirm, job
from worker.errors import LedgerUnavailable
from worker.ledger import outside, refusals

NAN = float("nan")


def test_numbers_that_are_none_keep_no_job_out(ledger):
    odd = {"link": [{"task": "shop.mail", "args": [NAN, float("inf")]}]}
    job_id = accept(ledger, confirm(1), options=odd).job_id
    assert job(ledger, job_id).options == {"link": [{"task": "shop.mail", "args": ["nan", "inf"]}]}


def test_the_results_of_other_tasks_may_hold_them(ledger):
    outside.store_result(ledger.database, "task-1", "SUCCESS", {"result": NAN})
    assert outside.load_result(ledger.database, "task-1") == {"result": "nan"}


def test_an_error_of_the_database_shows_no_row(ledger):
    odd = confirm(1, success_url="a canary", priority=2**40)
    with pytest.raises(Exception) as told:  # noqa: PT011 - whatever the driver calls it
        accept(ledger, replace(odd, task="canary" * 2), options={"link": object()})
    assert "a canary" not in str(told.value)


def test_nobody_waits_for_ever_for_a_transaction_that_is_left_open(url, open_ledger, monkeypatch):
    if not url.startswith("postgresql"):
        return  # SQLite has its own limit
    monkeypatch.setattr(refusals, "LOCK_SECONDS", 1)
    left_open, ledger = open_ledger(), open_ledger()
    with left_open.database.engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE order_worker_jobs")
        with pytest.raises(LedgerUnavailable, match="is held up: another transaction"):
            accept(ledger, confirm(1))
        connection.rollback()
    assert accept(ledger, confirm(1)).created

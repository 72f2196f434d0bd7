"""A shop's checkout and a real worker: what is committed is confirmed, what is not never was."""

import json
import subprocess
import sys

import pytest
from processes import until
from sqlalchemy import select

from worker.domain.jobs import FINAL
from worker.ledger.schema import jobs, transitions

SQLITE3 = """
import json, sqlite3, sys
from worker import confirm
connection = sqlite3.connect("ledger.db")
connection.execute("CREATE TABLE IF NOT EXISTS checkouts (number)")
def checkout(number):
    connection.execute("INSERT INTO checkouts VALUES (?)", (number,))
    return confirm.delay_within(connection, f"S01-0000000-{number:07}", seller="acme")
declined = checkout(1)
connection.rollback()
placed = checkout(2)
connection.commit()
print(json.dumps([declined.id, placed.id, placed.get(timeout=20)["order_id"]]))
"""
SESSION = """
import json
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from worker import confirm
with Session(create_engine("sqlite:///ledger.db")) as session:
    declined = confirm.delay_within(session, "S01-0000000-0000001", seller="acme")
    session.rollback()
    placed = confirm.delay_within(session, "S01-0000000-0000002", seller="acme")
    session.commit()
print(json.dumps([declined.id, placed.id, placed.get(timeout=20)["order_id"]]))
"""
AWAY = """
import psycopg
from worker import confirm, errors
try:
    connection = psycopg.connect("postgresql://postgres@127.0.0.1:9/shop", connect_timeout=2)
except psycopg.OperationalError as error:
    import sqlite3
    connection = sqlite3.connect(":memory:")
try:
    confirm.delay_within(connection, "S01-0000000-0000001", seller="acme")
except errors.LedgerUnavailable as error:
    print(error)
"""


@pytest.fixture
def run(shop):
    """Run a shop's program in a process of its own; what it printed."""

    def program(lines):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", lines],
            cwd=shop.directory,
            env=shop.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return program


def standing(runtime, table=jobs):
    with runtime.ledger.database.read() as connection:
        return connection.execute(select(table)).all()


@pytest.mark.parametrize("lines", [SQLITE3, SESSION], ids=["sqlite3", "session"])
def test_a_checkout_that_is_committed_is_confirmed_and_a_declined_one_never_was(
    shop, sandbox, run, lines
):
    runtime = shop.ledger()
    worker = shop.start_worker()
    declined, placed, order = json.loads(run(lines))
    assert order == "S01-0000000-0000002"
    until(lambda: all(job.state in FINAL for job in standing(runtime)))
    (job,) = standing(runtime)
    assert (job.id, job.state) == (placed, "succeeded"), shop.log_of(worker)
    assert {row.job_id for row in standing(runtime, transitions)} == {placed}
    assert declined != placed
    assert {entry.order_id for entry in sandbox.requests()} == {order}


def test_a_checkout_while_the_database_is_down_is_told_so(shop, run):
    shop.configuration(ledger__url="postgresql+psycopg://postgres@127.0.0.1:9/shop")
    assert "127.0.0.1:9/shop cannot be reached" in run(AWAY)

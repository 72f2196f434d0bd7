"""What the database undoes is tried once more: a deadlock, a serialisation failure."""

import ast
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conformance.steps import accept, confirm, hold, order_id, rows, settle
from tests.conformance.test_ledger_lost_commits import steps_of
from worker import ledger as package
from worker.errors import LedgerUnavailable, LedgerUndone
from worker.ledger import claims, repeating
from worker.ledger.holds import Claim
from worker.ledger.schema import attempts

LATE = 20.0
ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
OWN_TRANSACTIONS = {"database", "upgrade"}  # the transactions themselves, and the migrations'


@pytest.fixture
def against_the_stream(open_ledger, monkeypatch):
    """Does a verb while a person at a console has locked its job, and then wants its order: the
    verb locks them the other way, is the first to look for a deadlock, and so its victim.
    """
    console, over = open_ledger(), threading.Event()

    class Log:
        def info(self, *_args, **_words):  # before it is tried once more
            assert over.wait(LATE)

    def done(verb, job_id):
        made = []
        monkeypatch.setattr(repeating, "log", Log())
        with console.database.engine.connect() as connection:
            connection.execute(text("SET deadlock_timeout = '1min'"))
            connection.execute(
                text("SELECT FROM order_worker_jobs WHERE id = :job FOR UPDATE"), {"job": job_id}
            )
            thread = threading.Thread(target=lambda: made.append(verb()), daemon=True)
            thread.start()
            wait_until_waiting(console)
            of = {"order": order_id(1)}
            lock = text("SELECT FROM order_worker_orders WHERE order_id = :order FOR UPDATE")
            connection.execute(lock, of)  # closes the ring; the server undoes the verb
            connection.commit()
            over.set()
            thread.join(LATE)
        return made[0]

    return done


@ON_POSTGRESQL
def test_a_claim_that_is_the_victim_of_a_deadlock_is_made_again(ledger, against_the_stream):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))  # the order has a row
    job_id = accept(ledger, confirm(1), again=True).job_id
    assert isinstance(against_the_stream(lambda: claims.claim(ledger, job_id, "w"), job_id), Claim)
    assert [row.number for row in rows(ledger, attempts) if row.job_id == job_id] == [1]
    assert steps_of(ledger, job_id) == ["waiting", "running"]


@ON_POSTGRESQL
def test_and_so_is_a_settle(ledger, against_the_stream):
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    assert against_the_stream(lambda: settle(ledger, held), held.job.id)
    assert steps_of(ledger, held.job.id) == ["waiting", "running", "succeeded"]
    assert [row.outcome for row in rows(ledger, attempts)] == ["applied"]


def wait_until_waiting(ledger):
    """Until some connection to the database waits for a lock."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(int(LATE / 0.02)):
        with ledger.database.read() as connection:
            if connection.execute(statement).scalar_one():
                return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits")


# Sequences are not rolled back: they count how often the trigger was fired.
FAILS = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON order_worker_{table} FOR EACH ROW EXECUTE FUNCTION fail();
"""


def fail(ledger, table, code, times):
    """The next inserts into a table fail so."""
    with ledger.database.write() as connection:
        connection.exec_driver_sql(FAILS.format(table=table, code=code, times=times))


def tries(ledger):
    with ledger.database.read() as connection:
        return connection.execute(text("SELECT last_value FROM tries")).scalar_one()


@ON_POSTGRESQL
@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_it_is_tried_once_more(ledger, code):
    job_id = accept(ledger, confirm(1)).job_id
    fail(ledger, "attempts", code, times=1)
    assert isinstance(claims.claim(ledger, job_id, "w"), Claim)
    assert (tries(ledger), len(rows(ledger, attempts))) == (2, 1)


@ON_POSTGRESQL
@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_and_not_more_often_than_that(ledger, code):
    job_id = accept(ledger, confirm(1)).job_id
    fail(ledger, "attempts", code, times=5)
    with pytest.raises(LedgerUndone, match="has undone the transaction"):
        claims.claim(ledger, job_id, "w")
    assert tries(ledger) == 2
    assert steps_of(ledger, job_id) == ["waiting"]


@ON_POSTGRESQL
def test_a_full_disk_of_the_server_is_a_sentence(ledger):
    fail(ledger, "jobs", "53100", times=1)
    with pytest.raises(LedgerUnavailable, match="its disk is full"):
        accept(ledger, confirm(1))
    assert accept(ledger, confirm(1)).created


def test_no_verb_is_left_out():
    """Whoever opens a transaction of the ledger's own is tried once more."""
    left_out = []
    for path in Path(package.__file__).parent.rglob("*.py"):
        for made in ast.parse(path.read_text()).body:
            if isinstance(made, ast.FunctionDef) and path.stem not in OWN_TRANSACTIONS:
                marks = [getattr(mark, "id", "") for mark in made.decorator_list]
                if opens_a_transaction(made) and "once_more" not in marks:
                    left_out.append(f"{path.stem}.{made.name}")
    assert left_out == ["holds.written"]  # of the verbs that call it


def opens_a_transaction(made):
    calls = [each for each in ast.walk(made) if isinstance(each, ast.Call)]
    named = [(getattr(each.func, "attr", getattr(each.func, "id", "")), each) for each in calls]
    return any(name == "written" or (name == "write" and not each.args) for name, each in named)


@ON_POSTGRESQL
@pytest.mark.parametrize("code", ["XX000", "XX001", "XX002", "58030"])
def test_an_error_of_the_server_itself_is_a_sentence(ledger, code):
    fail(ledger, "jobs", code, times=1)
    with pytest.raises(LedgerUnavailable, match="reports an error of its own") as refused:
        accept(ledger, confirm(1))
    assert refused.value.__cause__.orig.sqlstate == code
    assert accept(ledger, confirm(1)).created
    damaged = text(f"DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END $$")
    with (
        pytest.raises(LedgerUnavailable, match="reports an error of its own"),
        ledger.database.read() as connection,
    ):
        connection.execute(damaged)

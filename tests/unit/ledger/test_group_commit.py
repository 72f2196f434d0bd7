"""Threads that write to a SQLite file at the same time share a commit, and nothing else."""

import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from worker.errors import LedgerUndone
from worker.ledger.database import Database
from worker.ledger.sharing import MOST_PARTS

WRITE = text("INSERT INTO written VALUES (:name)")
SECONDS = 30.0


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def database(file):
    made = Database(f"sqlite:///{file}")
    with made.transaction() as connection:
        connection.execute(text("CREATE TABLE written (name TEXT PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE of (name TEXT REFERENCES written DEFERRABLE)"))
    yield made
    made.engine.dispose()


@pytest.fixture
def commits(database):
    """The commits that reach SQLite from now on."""
    said = []
    pooled = database.engine.raw_connection()  # there is one, which is used again and again
    pooled.driver_connection.set_trace_callback(said.append)
    pooled.close()
    return lambda: said.count("COMMIT")


def written(file):
    """What another process would see."""
    with sqlite3.connect(file) as other:
        return {name for (name,) in other.execute("SELECT name FROM written")}


class Part(threading.Thread):
    """A transaction of a thread of its own; it ends when it is let go."""

    def __init__(self, database, name, file, trouble=None):
        super().__init__(daemon=True)
        self.database, self.word, self.file, self.trouble = database, name, file, trouble
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.error = self.seen = None
        self.start()

    def run(self):
        try:
            with self.database.write() as connection:
                self.has_begun.set()
                connection.execute(WRITE, {"name": self.word})
                assert self.may_end.wait(SECONDS)
                if self.trouble:
                    self.trouble(connection)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        self.seen = written(self.file)  # as soon as it is told


@pytest.fixture
def together(database, file):
    """Parts that queue behind the first one, let go when all of them do; they have ended."""

    def run(*troubles):
        parts = []
        for number, trouble in enumerate(troubles):
            parts.append(Part(database, f"part {number}", file, trouble))
            if number:
                parts[-1].may_end.set()
            else:
                assert parts[0].has_begun.wait(SECONDS)
        until = time.monotonic() + SECONDS
        while database._sharing._queued < len(parts) - 1:
            assert time.monotonic() < until
            time.sleep(0.001)
        parts[0].may_end.set()
        for part in parts:
            part.join(SECONDS)
            assert not part.is_alive()
        return parts

    return run


@pytest.fixture
def patient(monkeypatch):
    """No part is too late for the transaction, however slow this machine is."""
    monkeypatch.setattr("worker.ledger.sharing.LONGEST", SECONDS)


def refuse(_connection):
    raise RuntimeError("no")


def break_a_rule(connection):
    """It is looked at when the transaction is committed."""
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    connection.execute(text("INSERT INTO of VALUES ('nobody')"))


def end_it(connection):
    """As SQLite does by itself when the disk is full."""
    connection.say("ROLLBACK")
    raise RuntimeError("the disk is full")


@pytest.mark.usefixtures("patient")
def test_parts_that_queue_are_committed_at_once_and_told_after_it(together, commits):
    parts = together(*[None] * 8)
    assert commits() == 1
    everything = {f"part {number}" for number in range(8)}
    assert [(part.error, part.seen) for part in parts] == [(None, everything)] * 8


@pytest.mark.usefixtures("patient")
def test_a_part_that_fails_is_undone_alone(together, file, commits):
    first, failed, last = together(None, refuse, None)
    assert (first.error, str(failed.error), last.error) == (None, "no", None)
    assert written(file) == {"part 0", "part 2"}
    assert commits() == 1


@pytest.mark.usefixtures("patient")
def test_nor_does_the_first_or_the_last_undo_what_others_wrote(together, file):
    for at in (0, 2):
        parts = together(*[refuse if number == at else None for number in range(3)])
        assert [part.word for part in parts if part.error] == [f"part {at}"]
        assert written(file) == {f"part {number}" for number in range(3)} - {f"part {at}"}
        with sqlite3.connect(file) as other:
            other.execute("DELETE FROM written")


@pytest.mark.usefixtures("patient")
def test_a_commit_that_fails_fails_for_all_of_its_parts(together, file, database):
    parts = together(None, break_a_rule, None)
    assert ["FOREIGN KEY constraint failed" in str(part.error) for part in parts] == [True] * 3
    assert len({id(part.error) for part in parts}) == 3  # each thread has its own to raise
    assert written(file) == set()
    with database.write() as connection:
        connection.execute(WRITE, {"name": "afterwards"})
    assert written(file) == {"afterwards"}


@pytest.mark.usefixtures("patient")
def test_what_sqlite_undoes_with_another_part_may_be_tried_again(together, file, database):
    first, ended = together(None, end_it)
    assert isinstance(first.error, LedgerUndone)
    assert str(ended.error) == "the disk is full"
    with database.write() as connection:
        connection.execute(WRITE, {"name": "again"})
    assert written(file) == {"again"}


@pytest.mark.usefixtures("patient")
def test_a_transaction_has_so_many_parts_at_most(together, commits):
    parts = together(*[None] * (MOST_PARTS + 1))
    assert [part.error for part in parts] == [None] * (MOST_PARTS + 1)
    assert commits() == 2


def test_a_transaction_is_not_handed_on_for_ever(together, commits, monkeypatch):
    monkeypatch.setattr("worker.ledger.sharing.LONGEST", 0.0)
    together(None, None, None)
    assert commits() == 3


@pytest.mark.usefixtures("patient")
def test_what_takes_its_time_keeps_nobody_from_being_told(database, file):
    short = Part(database, "short", file)
    assert short.has_begun.wait(SECONDS)
    has_begun, may_end = threading.Event(), threading.Event()

    def take_time():
        with database.transaction() as connection:
            has_begun.set()
            connection.execute(WRITE, {"name": "long"})
            assert may_end.wait(SECONDS)

    long = threading.Thread(target=take_time, daemon=True)
    long.start()
    while not database._sharing._queued:
        assert not has_begun.wait(0.001)
    short.may_end.set()
    assert has_begun.wait(SECONDS)
    short.join(SECONDS)
    assert (short.error, short.seen) == (None, {"short"})
    may_end.set()
    long.join(SECONDS)
    assert written(file) == {"short", "long"}


def test_a_part_does_not_wait_for_one_that_never_comes(database, file):
    database._sharing._queued += 1
    with database.write() as connection:
        connection.execute(WRITE, {"name": "mine"})
    assert written(file) == {"mine"}


CRASH = """
import os, sys, threading, time
from sqlalchemy import text
from worker.ledger import sharing
from worker.ledger.database import Database

sharing.LONGEST = 60.0
database = Database(sys.argv[1])
has_begun = threading.Event()

def first():
    with database.write() as connection:
        connection.execute(text("INSERT INTO written VALUES ('first')"))
        has_begun.set()
        while not database._sharing._queued:
            time.sleep(0.001)
    print("told")

threading.Thread(target=first, daemon=True).start()
has_begun.wait()
with database.write() as connection:
    seen = connection.execute(text("SELECT name FROM written")).scalar()
    print("in the same transaction as", seen, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.usefixtures("database")
def test_a_crash_before_the_commit_has_told_nobody_and_written_nothing(file):
    command = [sys.executable, "-c", CRASH, f"sqlite:///{file}"]
    died = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (died.stdout, died.returncode) == ("in the same transaction as first\n", -9), died.stderr
    assert written(file) == set()

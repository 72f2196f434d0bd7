"""How a ledger is shown, and how soon it says that it cannot be used."""

import sqlite3
import time

import pytest

from worker.errors import LedgerMisconfigured, LedgerUnavailable
from worker.ledger.database import Database


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///file:/srv/jobs.db?uri=true&password=not-real",
        "sqlite:///file:/srv/jobs.db?uri=true&%70assword=not-real",
    ],
)
def test_a_password_among_the_options_is_not_shown(url):
    shown = Database(url).shown_url
    assert shown.startswith("sqlite:///file:/srv/jobs.db?uri=true&")
    assert shown.endswith("=***")


def test_a_password_in_its_place_is_not_shown():
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://shop:not-real@127.0.0.1/jobs?password=not-real"
    assert Database(url).shown_url == "postgresql+psycopg://shop:***@127.0.0.1/jobs?password=***"


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path):
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    database = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    begun = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="readonly"), database.read():
        pass
    assert time.monotonic() - begun < 5.0
    database.engine.dispose()


@pytest.mark.parametrize("options", ["foo=1", "timeout=soon", "timeout=5&foo=1"])
def test_an_option_that_sqlite_does_not_know_is_told(tmp_path, options):
    with pytest.raises(LedgerMisconfigured, match="option that cannot be used"):
        Database(f"sqlite:///{tmp_path}/ledger.db?{options}")


@pytest.mark.parametrize("options", ["foo=1", "connect_timeout=soon"])
def test_an_option_that_postgresql_does_not_know_is_told(options):
    pytest.importorskip("psycopg")
    database = Database(f"postgresql+psycopg://127.0.0.1:1/jobs?{options}")
    with pytest.raises(LedgerMisconfigured, match="option that cannot be used"), database.read():
        pass


def test_an_option_that_sqlite_knows_is_taken(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/ledger.db?timeout=5")
    with database.read():
        pass
    database.engine.dispose()

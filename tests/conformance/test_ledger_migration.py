"""A ledger is migrated while it is in use."""

import importlib
import threading
import time

import pytest
from alembic import command
from alembic.config import Config

from tests.acceptance.processes import until
from tests.conformance.steps import Quotas, accept, confirm, hold, rows, settle
from tests.conformance.test_ledger_schema import MIGRATIONS
from worker.errors import LedgerHeldUp, SchemaUnknown
from worker.ledger import upgrade
from worker.ledger.schema import HEAD, PREFIX

LATE = 30.0
ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
STORAGE = importlib.import_module("worker.ledger.migrations.versions.0008_storage_measured").STORAGE


@pytest.fixture
def old(connect):
    """A ledger as an older version has left it."""
    database = connect()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.transaction() as connection:
        config.attributes.update(connection=connection)
        command.upgrade(config, "0002")
    return database


def test_it_waits_for_a_long_transaction_and_lets_the_others_pass(old, connect, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer, which waits for nobody")
    done = []
    another = connect()
    with old.engine.connect() as long:
        long.exec_driver_sql("SELECT count(*) FROM order_worker_jobs")
        # Ours would be ended by the server, and a report's has no such limit.
        long.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        migration = threading.Thread(
            target=lambda: done.append(upgrade.upgrade(connect())), daemon=True
        )
        migration.start()
        longest, until = 0.0, time.monotonic() + 4.0
        while time.monotonic() < until:
            began = time.monotonic()
            with another.read() as other:
                other.exec_driver_sql("SELECT count(*) FROM order_worker_jobs").scalar_one()
            longest = max(longest, time.monotonic() - began)
        assert not done
    migration.join(LATE)
    assert done == ["0002"]
    assert longest < 4.0, longest  # a second, on a quiet machine, and not the four of the report
    upgrade.ensure(old)


@ON_POSTGRESQL
def test_tables_that_are_always_in_use_are_said_to_be(old, connect, monkeypatch):
    monkeypatch.setattr(upgrade, "PATIENCE", 0.1)
    with old.engine.connect() as long:
        long.exec_driver_sql("SELECT count(*) FROM order_worker_jobs")
        with pytest.raises(LedgerHeldUp, match="is held up: another transaction"):
            upgrade.upgrade(connect())
    assert upgrade.upgrade(connect()) == "0002"


@ON_POSTGRESQL
def test_the_tables_are_stored_as_the_migration_says(ledger):
    options = "SELECT relname, array_to_string(reloptions, ', ') FROM pg_class WHERE relname = '{}'"
    with ledger.database.read() as connection:
        for table, wanted in STORAGE.items():
            found = connection.exec_driver_sql(options.format(PREFIX + table)).one()
            assert found[1] == wanted.replace(" = ", "=")


@ON_POSTGRESQL
def test_the_writes_of_a_bucket_touch_no_index(ledger):
    """Else each call would leave an entry behind in each of them."""
    with ledger.database.read() as connection:
        keys = "SELECT array_to_string(indkey, ',') FROM pg_index WHERE indrelid = '{}'::regclass"
        found = connection.exec_driver_sql(keys.format(PREFIX + "buckets")).scalars().all()
    assert found == ["1"]  # of the key alone, which no write changes


@ON_POSTGRESQL
def test_a_bucket_is_written_in_place(open_ledger):
    calls, watcher = 50, open_ledger()
    ledger = open_ledger(Quotas(capacity=1000.0))
    for number in range(calls):
        settle(ledger, hold(ledger, accept(ledger, confirm(number)).job_id))
    ledger.database.engine.dispose()  # a connection tells what it did when it ends

    def told():
        counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '{}'"
        with watcher.database.read() as connection:
            updates, in_place = connection.exec_driver_sql(counted.format(PREFIX + "buckets")).one()
        return updates >= 2 * calls and in_place / updates

    assert until(told) > 0.9


@pytest.mark.by_hand
def test_a_schema_that_has_lost_what_we_know_is_named(ledger):
    """As a migration of the future might leave it, under a worker that runs."""
    with ledger.database.write() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE order_worker_jobs RENAME COLUMN publish_at TO tell_at"
        )
    with pytest.raises(SchemaUnknown, match="lacks a table or a column"):
        accept(ledger, confirm(1))
    with pytest.raises(SchemaUnknown, match="Install the version that belongs to it"):
        rows(ledger)


def test_another_versions_schema_is_refused_at_the_start(connect):
    database = connect()
    upgrade.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_version SET version_num = '9999'")
    with pytest.raises(SchemaUnknown, match=f"has the schema 9999, this version {HEAD}"):
        upgrade.ensure(database)
    with pytest.raises(SchemaUnknown, match="cannot be brought to the schema"):
        upgrade.upgrade(database)

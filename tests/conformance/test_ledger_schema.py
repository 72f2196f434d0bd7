"""The schema: made by migrations, the same as the tables say, and asked for on a server."""

import functools
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from tests.conformance.steps import Quotas, at_once, hold
from worker.domain.jobs import Policy
from worker.errors import LedgerUnavailable
from worker.ledger import former, queries, upgrade
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.schema import HEAD, PREFIX, VERSION_TABLE, metadata

PROCESSES = 4
MIGRATIONS = Path(upgrade.__file__).parent / "migrations"


def test_an_empty_database_is_migrated_once(connect):
    database = connect()
    assert upgrade.upgrade(database) is None
    assert upgrade.upgrade(database) == HEAD
    upgrade.ensure(database)


def test_the_migrated_schema_is_that_of_the_tables(connect):
    database = connect()
    upgrade.upgrade(database)
    with database.read() as connection:
        options = {"version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_partial_indexes_have_the_conditions_of_the_tables(connect):
    database = connect()
    upgrade.upgrade(database)
    there = {name: words(where) for name, where in conditions(database, metadata).items()}
    wanted = {
        index.name: words(str(index.dialect_options["sqlite"]["where"]))
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    assert there == wanted


def conditions(database, tables):
    """The condition of each partial index, as the database has it."""
    key = f"{database.engine.dialect.name}_where"
    found = {}
    with database.read() as connection:
        for table in tables.tables:
            for index in inspect(connection).get_indexes(table):
                where = index.get("dialect_options", {}).get(key)
                if where is not None:
                    found[index["name"]] = str(where)
    return found


def words(condition):
    """A condition without the ways in which PostgreSQL writes it: casts, brackets, ANY."""
    plain = re.sub(r"::(character varying|text)(\[\])?|[()]", "", condition)
    plain = plain.replace("= ANY ARRAY[", "IN ").replace("]", "")
    return re.sub(r"\s+", " ", plain).strip()


def test_the_first_processes_of_a_fleet_make_the_schema_together(url, connect):
    """On SQLite at their start, on a server when several releases migrate at once."""
    context = multiprocessing.get_context("spawn")
    made = [context.Process(target=migrate, args=(url,)) for _ in range(PROCESSES)]
    for process in made:
        process.start()
    for process in made:
        process.join(60.0)
    assert [process.exitcode for process in made] == [0] * PROCESSES
    upgrade.ensure(connect())


def migrate(url):
    database = Database(url)
    at_once([functools.partial(upgrade.upgrade, database)] * 2)


def test_a_server_that_was_not_migrated_is_refused_with_what_to_do(url, connect):
    if url.startswith("sqlite"):
        upgrade.ensure(connect())  # whoever comes first makes it
        return
    with pytest.raises(LedgerUnavailable, match="has no schema: run `order-worker migrate`"):
        upgrade.ensure(connect())


def test_the_command_migrates_and_only_then_a_worker_starts(url, tmp_path):
    def order_worker(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "worker", *arguments],
            env=os.environ | {"ORDER_WORKER_LEDGER__URL": url, "NO_COLOR": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "worker.toml").write_text("")
    if url.startswith("postgresql"):
        before = order_worker("run")
        assert before.returncode == 3
        assert "has no schema: run `order-worker migrate`" in before.stderr
    first, second = order_worker("migrate"), order_worker("migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert f"has the schema {HEAD} now" in first.stdout
    assert f"has the schema {HEAD} already" in second.stdout
    assert order_worker("jobs", "--json").stdout.strip() == "[]"


def test_another_versions_schema_is_named(connect):
    database = connect()
    upgrade.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_version SET version_num = '9999'")
    with pytest.raises(LedgerUnavailable, match=f"has the schema 9999, this version {HEAD}"):
        upgrade.ensure(database)


def test_every_table_of_the_database_is_one_of_ours(connect):
    database = connect()
    upgrade.upgrade(database)
    found = MetaData()
    with database.read() as connection:
        found.reflect(connection)
    assert set(found.tables) == {*metadata.tables, VERSION_TABLE}


def test_a_ledger_of_before_is_brought_along_with_its_jobs(connect):
    """The first ledgers had no prefix, as a shop's own tables and Alembic's have none."""
    database = connect()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.transaction() as connection:
        config.attributes.update(connection=connection)
        command.upgrade(config, "0001")
        without_prefix(connection)
        connection.execute(text(FORMER_JOB))
        connection.execute(text(FORMER_TRANSITION))
    assert upgrade.upgrade(database) == "0001"
    upgrade.ensure(database)
    ledger = Ledger(database, Quotas(), Policy())
    (job,) = queries.of_ids(ledger, ["job-1"])
    assert (job["state"], job["transitions"][0]["to"]) == ("waiting", "waiting")
    assert hold(ledger, "job-1").job.order_id == "S01-0000000-0000001"
    with database.read() as connection:
        options = {"version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def without_prefix(connection):
    """Undo what the prefix has changed."""
    connection.exec_driver_sql(f"ALTER TABLE {VERSION_TABLE} RENAME TO alembic_version")
    for name in former.TABLES:
        connection.exec_driver_sql(f"ALTER TABLE {PREFIX}{name} RENAME TO {name}")
        for index in inspect(connection).get_indexes(name):
            old, new = index["name"], index["name"].removeprefix(PREFIX)
            if old == new:
                continue
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"ALTER INDEX {old} RENAME TO {new}")
                continue
            made = "SELECT sql FROM sqlite_master WHERE name = ?"
            statement = connection.exec_driver_sql(made, (old,)).scalar()
            connection.exec_driver_sql(f"DROP INDEX {old}")
            connection.exec_driver_sql(statement.replace(old, new, 1))


def test_a_shops_own_tables_and_versions_are_left_alone(connect):
    database = connect()
    with database.write() as connection:
        for name in ("orders", "jobs", "results", "groups"):
            connection.exec_driver_sql(f"CREATE TABLE {name} (id integer primary key, words text)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
    assert upgrade.upgrade(database) is None
    assert upgrade.upgrade(database) == HEAD
    with database.read() as connection:
        found = inspect(connection)
        assert [each["name"] for each in found.get_columns("orders")] == ["id", "words"]
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").scalar() == "0001"


FORMER_JOB = """
INSERT INTO jobs (id, task, seller, order_id, priority, key, holds_key, state, waiting_for, step,
    effect, bucket, rank, ready, accepted_at, due_at, deadline, give_up_at, publish_at,
    publish_count, attempt_count, sends, costs, backoffs, lease_token, lost_leases)
VALUES ('job-1', 'confirm', 'acme', 'S01-0000000-0000001', 0, 'confirm/S01-0000000-0000001', true,
    'waiting', 'turn', 'apply', 'none', NULL, 0, true, 1.0, 1.0, 9e9, 9e9, 0.0, 0, 0, 0, 0, 0, 0, 0)
"""
FORMER_TRANSITION = """
INSERT INTO transitions (at, job_id, subject, new, actor)
VALUES (1.0, 'job-1', 'job', 'waiting', 'producer')
"""

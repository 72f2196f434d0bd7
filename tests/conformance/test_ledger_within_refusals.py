"""Connections that no job can be recorded on are refused with a sentence, and left as they were."""

import asyncio
import sqlite3
import threading

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.conformance import shops
from tests.conformance.steps import confirm, rows
from worker.errors import BadInput
from worker.ledger import upgrade, within
from worker.ledger.acceptance import Terms
from worker.ledger.database import Database
from worker.ledger.schema import jobs


@pytest.fixture
def published():
    return []


@pytest.fixture
def ask(ledger, published):
    def asked(connection, job_id="job", order=1):
        terms = Terms(job_id, "producer", new_id=True)
        return within.accept(ledger, connection, confirm(order), terms, published.append)

    return asked


@pytest.fixture
def psql(postgresql, ledger, url):
    """A connection of psycopg to the ledger."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        yield connection


on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@pytest.mark.parametrize("odd", [None, "sqlite:///ledger.db", object()])
def test_what_is_no_connection_is_told_by_its_type_alone(ask, odd):
    with pytest.raises(BadInput, match=r"^connection: is builtins\.\w+: give a Connection or"):
        ask(odd)


def test_an_engine_in_autocommit_is_refused_and_nothing_recorded(ledger, ask, url):
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, pytest.raises(BadInput, match="AUTOCOMMIT"):
        ask(connection)
    with Session(engine) as session, pytest.raises(BadInput, match="AUTOCOMMIT"):
        ask(session)
    engine.dispose()
    assert rows(ledger) == []


def test_django_outside_of_an_atomic_block_is_refused(ledger, ask, url):
    shop = shops.OfDjango(url)
    with pytest.raises(BadInput, match=r"outside of a transaction.*transaction\.atomic"):
        ask(shop.connection)
    shop.close()
    assert rows(ledger) == []


@on_sqlite
def test_sqlite_in_autocommit_is_refused_until_it_has_begun(ledger, ask, url):
    connection = sqlite3.connect(make_url(url).database, isolation_level=None)
    with pytest.raises(BadInput, match="BEGIN IMMEDIATE"):
        ask(connection)
    connection.execute("BEGIN IMMEDIATE")
    assert ask(connection).created
    connection.execute("COMMIT")
    connection.close()
    assert len(rows(ledger)) == 1


@on_postgresql
def test_psycopg_in_autocommit_is_refused_but_in_its_transaction_block(ledger, ask, psql):
    psql.autocommit = True
    with pytest.raises(BadInput, match=r"with connection\.transaction"):
        ask(psql)
    with psql.transaction():
        assert ask(psql).created
    assert len(rows(ledger)) == 1


@pytest.fixture
def copy(url, tmp_path, request):
    """Another ledger on the same server, or in another file."""
    if url.startswith("sqlite"):
        other = f"sqlite:///{tmp_path}/copy.db"
        server = None
    else:
        server = request.getfixturevalue("server")
        name = f"{make_url(url).database}_copy"
        other = f"{url}_copy"
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    database = Database(other)
    upgrade.upgrade(database)
    yield database
    database.engine.dispose()
    if server:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def test_another_database_is_refused_although_it_has_the_same_tables(ledger, ask, copy):
    with copy.engine.begin() as connection:
        with pytest.raises(BadInput, match=r"is not to the ledger's database.*(copy|tables like)"):
            ask(connection)
        assert connection.exec_driver_sql("SELECT count(*) FROM order_worker_jobs").scalar() == 0
    assert rows(ledger) == []


@pytest.mark.parametrize("kind", ["driver", "connection", "django"])
def test_a_database_without_our_tables_is_refused(ledger, ask, url, tmp_path, kind):
    sqlite = url.startswith("sqlite")
    elsewhere = f"sqlite:///{tmp_path}/empty.db" if sqlite else url.rpartition("/")[0] + "/postgres"
    shop = shops.OF_KIND[kind](elsewhere)
    shop.begin()
    with pytest.raises(BadInput, match="is not to the ledger's database"):
        ask(shop.connection)
    shop.rollback()
    shop.close()


@on_postgresql
def test_another_kind_of_database_is_refused(ledger, ask, url):
    with pytest.raises(BadInput, match="it is sqlite"):
        ask(sqlite3.connect(":memory:"))


@on_sqlite
def test_a_database_in_memory_is_refused(ledger, ask, url):
    connection = sqlite3.connect(":memory:")
    with pytest.raises(BadInput, match="in memory"):
        ask(connection)
    connection.close()


@on_postgresql
def test_an_asynchronous_connection_is_refused_with_the_way_that_there_is(
    ledger, ask, url, published
):
    async def checkout():
        engine = create_async_engine(url)
        async with AsyncSession(engine) as session:
            with pytest.raises(BadInput, match=r"asynchronous: use `await connection\.run_sync"):
                ask(session)
            await session.run_sync(ask)
            await session.commit()
        await engine.dispose()
        async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", "")) as plain:
            with pytest.raises(BadInput, match="is asynchronous"):
                ask(plain)

    asyncio.run(checkout())
    assert [row.id for row in rows(ledger)] == ["job"]
    assert [each.job_id for each in published] == ["job"]


# --- and what must not be disturbed -----------------------------------------------------------


def test_a_session_that_was_closed_or_has_joined_a_transaction_publishes_nothing(
    ledger, ask, url, published
):
    engine = create_engine(url)
    with Session(engine) as session:
        ask(session)
    with engine.connect() as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="rollback_only") as session:
            ask(session)
            session.commit()  # says so, and nothing is
        outer.rollback()
    with Session(engine) as session:
        ask(session)
        session.close()  # and used again
        ask(session, "kept", 2)
        session.commit()
        session.commit()
    engine.dispose()
    assert [row.id for row in rows(ledger)] == [each.job_id for each in published] == ["kept"]


def test_a_scoped_session_is_the_session_of_its_thread(ledger, ask, url, published):
    engine = create_engine(url)
    session = scoped_session(sessionmaker(engine))
    ask(session)
    session.commit()
    session.remove()
    engine.dispose()
    assert [row.id for row in rows(ledger)] == [each.job_id for each in published] == ["job"]


@on_sqlite
def test_how_a_shop_reads_its_rows_is_its_own_affair_on_sqlite(ledger, ask, url):
    connection = sqlite3.connect(make_url(url).database)
    connection.row_factory = sqlite3.Row
    assert ask(connection).created
    assert not ask(connection).created
    assert connection.row_factory is sqlite3.Row
    connection.commit()
    connection.close()


@on_postgresql
def test_how_a_shop_reads_its_rows_is_its_own_affair_on_postgresql(ledger, ask, psql):
    psql.row_factory = dict_row
    psql.cursor_factory = psycopg.RawCursor
    assert ask(psql).created
    assert not ask(psql).created


@on_postgresql
def test_psycopg_sends_one_request_and_waits_once(ledger, ask, psql, tmp_path):
    psql.execute("SELECT 1")  # has begun
    ask(psql, "first", 1)
    with (tmp_path / "trace").open("w+") as trace:
        psql.pgconn.trace(trace.fileno())
        ask(psql, "second", 2)
        ask(psql, "again", 2)
        psql.pgconn.untrace()
        trace.seek(0)
        sent = trace.read().splitlines()
    assert sum("ReadyForQuery" in line for line in sent) == 2


@on_postgresql
def test_a_failed_transaction_and_a_lost_connection_say_so_in_the_drivers_words(ledger, ask, psql):
    with pytest.raises(psycopg.errors.DivisionByZero):
        psql.execute("SELECT 1/0")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        ask(psql)
    psql.rollback()
    with ledger.database.engine.connect() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({psql.info.backend_pid})")
    with pytest.raises(psycopg.OperationalError):
        ask(psql)
    assert rows(ledger) == []


@on_sqlite
def test_a_shop_waits_for_sqlites_writer_instead_of_failing(ledger, ask, url):
    """Whoever has read before it writes is told "locked" when somebody has written meanwhile."""
    connection = sqlite3.connect(make_url(url).database, timeout=10.0, check_same_thread=False)
    connection.execute("BEGIN")
    with ledger.database.write() as other:
        other.execute(jobs.update().values(worker="somebody"))
        answers = []
        asking = threading.Thread(target=lambda: answers.append(ask(connection)), daemon=True)
        asking.start()
        asking.join(0.3)
        assert not answers
    asking.join(10.0)
    assert [answer.created for answer in answers] == [True]
    connection.commit()
    connection.close()


@on_postgresql
def test_a_pipeline_is_refused_where_no_answer_comes_at_once(ledger, ask, psql):
    with psql.pipeline(), pytest.raises(BadInput, match="is in pipeline mode"):
        ask(psql)
    psql.commit()
    assert rows(ledger) == []

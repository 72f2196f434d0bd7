"""What the ledger asks of a database beyond tables: its clock, its nulls, its absence."""

import socket
import time
import uuid

import pytest
from sqlalchemy import make_url, text

from tests.conformance.steps import Quotas, accept, at_once, confirm, hold, rows, settle
from tests.proxies import Proxy
from worker.domain.jobs import Policy
from worker.domain.outcomes import Answer, Outcome
from worker.errors import LedgerUnavailable
from worker.ledger import outside, upgrade
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.schema import attempts

PASSWORD = "not-a-real-password"
A_FEW_SECONDS = 8.0


def test_the_clock_goes_on_within_a_transaction(ledger):
    with ledger.database.write() as connection:
        before = ledger.database.now(connection)
        time.sleep(0.05)
        assert 0.05 <= ledger.database.now(connection) - before < 5.0


def test_no_json_is_null(ledger):
    job_id = accept(ledger, confirm(1), options=None).job_id
    settle(ledger, hold(ledger, job_id))
    outside.store_result(ledger.database, "task", "SUCCESS", {"result": None})
    with ledger.database.read() as connection:
        count = "SELECT count(*) FROM order_worker_jobs WHERE options IS NULL AND error IS NULL"
        assert connection.execute(text(count)).scalar_one() == 1
    assert outside.load_result(ledger.database, "task") == {"result": None}


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "\U0001f600 ünï", "x" * 10_000])
def test_whatever_a_provider_says_can_be_written(ledger, odd):
    job_id = accept(ledger, confirm(1)).job_id
    held = hold(ledger, job_id)
    assert settle(ledger, held, Answer(Outcome.REJECTED, status=400, code="Odd", message=odd))
    assert rows(ledger)[0].state == "rejected"
    assert rows(ledger, attempts)[0].outcome == "rejected"


def test_a_read_sees_one_moment(open_ledger):
    ledger, other = open_ledger(), open_ledger()
    with ledger.database.read() as connection:
        count = text("SELECT count(*) FROM order_worker_jobs")
        assert connection.execute(count).scalar_one() == 0
        accept(other, confirm(1))
        assert connection.execute(count).scalar_one() == 0
    assert len(rows(ledger)) == 1


def test_what_the_server_is_set_to_does_not_matter(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server to be set")
    name = url.rpartition("/")[2]
    first = open_ledger()
    with first.database.write() as connection:
        for setting in (
            "synchronous_commit = off",
            "default_transaction_isolation = 'serializable'",
        ):
            connection.execute(text(f"ALTER DATABASE {name} SET {setting}"))
    with open_ledger().database.write() as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("synchronous_commit", "transaction_isolation")
        ]
    assert shown == ["on", "read committed"]


@pytest.fixture(params=["nobody listens", "silent"])
def dead_port(request):
    """A port that refuses connections, or one that takes them and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "silent":
            listener.listen(1)
        yield listener.getsockname()[1]


def test_a_server_that_is_away_is_a_sentence_within_seconds(dead_port):
    database = Database(f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:{dead_port}/ledger")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="cannot be reached") as caught, database.write():
        pass
    assert time.monotonic() - began < A_FEW_SECONDS
    assert PASSWORD not in str(caught.value)
    assert f"127.0.0.1:{dead_port}" in str(caught.value)


def test_a_connection_that_the_server_has_ended_is_replaced(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server that ends connections")
    ledger, other = open_ledger(), open_ledger()
    accept(ledger, confirm(1))
    with other.database.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        )
    accept(ledger, confirm(2))
    assert len(rows(ledger)) == 2


def test_a_connection_that_ends_in_a_transaction_is_a_ledger_that_is_away(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server that ends connections")
    ledger, other = open_ledger(), open_ledger()
    with (  # noqa: PT012 - a transaction
        pytest.raises(LedgerUnavailable, match="cannot be reached"),
        ledger.database.write() as mine,
    ):
        pid = mine.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other.database.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        mine.execute(text("SELECT 1")).scalar()


def test_more_threads_than_connections_wait_for_their_turn(ledger):
    requests = [confirm(order) for order in range(60)]
    at_once([lambda request=request: accept(ledger, request) for request in requests])
    assert len(rows(ledger)) == 60


def test_a_worker_that_stands_still_within_a_transaction_holds_nobody_up(
    open_ledger, url, monkeypatch
):
    if url.startswith("sqlite"):
        pytest.skip("on SQLite whoever writes is the only one, and nobody can take that away")
    monkeypatch.setattr("worker.ledger.engines.STANDING_SECONDS", 0.3)
    stopped, other = open_ledger(), open_ledger()
    job_id = accept(other, confirm(1)).job_id
    held = hold(other, job_id)
    with pytest.raises(LedgerUnavailable), stopped.database.write() as connection:  # noqa: PT012
        connection.execute(text("SELECT * FROM order_worker_orders FOR UPDATE")).all()
        assert settle(other, held)  # it waits for the order's lock, and no longer than that
        connection.execute(text("SELECT 1"))
    assert rows(other)[0].state == "succeeded"


def test_a_server_that_may_only_be_read_is_a_ledger_that_is_away(open_ledger, url, server):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no standby")
    ledger, name = open_ledger(), url.rpartition("/")[2]
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    setting = f"ALTER DATABASE {name} SET default_transaction_read_only ="
    with server.connect() as connection:
        connection.exec_driver_sql(f"{setting} on")  # as whoever is reached during a failover
        ledger.database.engine.dispose()
        for verb in (lambda: accept(ledger, confirm(2)), lambda: settle(ledger, held)):
            with pytest.raises(LedgerUnavailable, match="read-only"):
                verb()
        connection.exec_driver_sql(f"{setting} off")
    assert settle(ledger, held)  # by another connection: that one would stay read-only


GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


@pytest.fixture
def role(ledger, url):
    """A role that has been granted nothing in the ledger's database."""
    if url.startswith("sqlite"):
        pytest.skip("SQLite knows no roles")
    name = f"role_{uuid.uuid4().hex}"
    with ledger.database.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
    yield name
    with ledger.database.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_role_without_rights_is_told_what_to_grant_and_works_with_it(ledger, url, role):
    database = Database(make_url(url).set(username=role).render_as_string(hide_password=False))
    poor = Ledger(database, ledger.routes, ledger.policy)
    job_id = accept(ledger, confirm(1)).job_id
    for verb in (lambda: accept(poor, confirm(2)), lambda: hold(poor, job_id), lambda: rows(poor)):
        with pytest.raises(LedgerUnavailable, match=r"permission denied.* Grant the role"):
            verb()
    with pytest.raises(LedgerUnavailable, match="Grant the role"):
        upgrade.ensure(database)
    with ledger.database.engine.begin() as connection:
        connection.exec_driver_sql(GRANTS.format(role=role))
    assert accept(poor, confirm(2)).created
    assert settle(poor, hold(poor, job_id))
    upgrade.ensure(database)
    database.engine.dispose()


def test_a_server_that_is_frozen_is_a_ledger_that_is_away(url, monkeypatch):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server that could freeze")
    monkeypatch.setattr("worker.ledger.patience.ANSWER_SECONDS", 0.5)
    with Proxy(5432) as proxy:
        database = Database(url.replace(":5432", f":{proxy.port}"))
        upgrade.upgrade(database)
        ledger = Ledger(database, Quotas(), Policy())
        job_id = accept(ledger, confirm(1)).job_id
        proxy.hang()
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            accept(ledger, confirm(2))
        with pytest.raises(LedgerUnavailable), database.read():
            pass
        assert time.monotonic() - began < 4 * A_FEW_SECONDS
        proxy.heal()
        assert settle(ledger, hold(ledger, job_id))
        database.engine.dispose()

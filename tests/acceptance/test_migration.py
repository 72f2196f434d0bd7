"""`order-worker migrate` on a ledger in use, and what a worker does that cannot follow."""

import signal

import pytest
from celery_shop import changes, order, standing
from processes import until
from sqlalchemy import text

from tests.servers import OwnPostgreSQL, running
from worker.domain.jobs import Task
from worker.ledger.acceptance import Terms
from worker.ledger.schema import HEAD, PREFIX
from worker.producers import new_id

JOBS = 60
WAIT = 60.0
BEFORE = "0006"
SET_VERSION = "UPDATE order_worker_version SET version_num = %s"


@pytest.fixture(scope="module")
def server():
    with running(OwnPostgreSQL) as one:
        yield one


@pytest.fixture
def runtime(shop, server):
    with server.connect("postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
        connection.execute("CREATE DATABASE test")
    shop.configuration(ledger__url=server.url)
    assert shop.order_worker("migrate").returncode == 0
    return shop.ledger()


def ask(runtime, number):
    request = runtime.producers.request(Task.CONFIRM, (order(number),), {"seller": "acme"})
    return runtime.producers.accept(request, Terms(new_id(), "test", new_id=True)).job_id


def set_back(server):
    """The ledger as the version before has left it: without the tables of the web."""
    with server.connect() as connection:
        for table in ("sessions", "tokens"):
            connection.execute(f"DROP TABLE {PREFIX}{table}")
        connection.execute(SET_VERSION, (BEFORE,))


def test_a_ledger_is_migrated_while_a_worker_runs(shop, sandbox, server, runtime):
    set_back(server)
    with server.connect() as connection:  # a worker of the version before, which knows it so
        connection.execute(SET_VERSION, (HEAD,))
    sandbox.add_fault(delay=0.05, when="after", times=10_000)
    worker = shop.start_worker()
    until(lambda: "order-worker starts" in shop.log_of(worker))
    with server.connect() as connection:
        connection.execute(SET_VERSION, (BEFORE,))
    ids = [ask(runtime, number) for number in range(JOBS // 2)]
    until(lambda: any(row.state == "succeeded" for row in standing(runtime).values()), WAIT)
    migrated = shop.order_worker("migrate")
    assert f"has the schema {HEAD} now" in migrated.stdout, migrated.stderr
    ids += [ask(runtime, number) for number in range(JOBS // 2, JOBS)]
    until(lambda: {r.state for r in standing(runtime, ids).values()} == {"succeeded"}, WAIT)
    assert changes(sandbox) == {"ConfirmOrderReference": JOBS}
    said = shop.log_of(worker)
    assert "Traceback" not in said
    assert "the ledger is away" not in said
    worker.send_signal(signal.SIGTERM)
    assert until(lambda: worker.poll() is not None and worker).returncode == 0


def test_a_worker_that_does_not_know_the_schema_any_more_says_so_and_ends(
    shop, sandbox, server, runtime
):
    worker = shop.start_worker()
    until(lambda: "order-worker starts" in shop.log_of(worker))
    with server.connect() as connection:
        connection.execute("ALTER TABLE order_worker_jobs RENAME COLUMN publish_at TO tell_at")
    assert until(lambda: worker.poll() is not None and worker, WAIT).returncode == 3
    said = shop.log_of(worker)
    assert "the worker ends" in said
    assert "lacks a table or a column that this version of order-worker knows" in said
    with server.connect() as connection:  # for whoever looks into the ledger afterwards
        connection.execute("ALTER TABLE order_worker_jobs RENAME COLUMN tell_at TO publish_at")


def test_a_worker_does_not_start_on_the_ledger_of_a_newer_version(shop, sandbox, runtime):
    with runtime.ledger.database.write() as connection:
        connection.execute(text("UPDATE order_worker_version SET version_num = '9999'"))
    worker = shop.start_worker()
    assert until(lambda: worker.poll() is not None and worker).returncode == 3
    assert f"has the schema 9999, this version {HEAD}: install the version" in shop.log_of(worker)

"""Every test here runs on each database that a ledger may be on.

A test on PostgreSQL has a database of its own on the server of this machine; without one it is
skipped, and fails in CI. After each test `verify` finds nothing in its ledger, unless the test is
marked `by_hand`: it has written rows that no verb writes.
"""

import os
import uuid

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from tests.conformance.steps import Quotas
from tests.conformance.wire import Wire
from worker.domain.jobs import Policy
from worker.ledger import upgrade
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.verification import replay

SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"


@pytest.fixture(scope="session")
def server():
    engine = create_engine(
        f"{SERVER}/test", isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 2}
    )
    try:
        engine.connect().close()
    except OperationalError as error:
        why = f"no PostgreSQL at 127.0.0.1:5432: {str(error.orig).splitlines()[0]}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(server):
    """The URL of an empty database."""
    name = f"order_worker_{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield f"{SERVER}/{name}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgresql")


@pytest.fixture
def connect(url):
    """Opens the database once more, with connections of its own, as another process would."""
    opened = []

    def another():
        opened.append(Database(url))
        return opened[-1]

    yield another
    for database in opened:
        database.engine.dispose()


@pytest.fixture
def open_ledger(connect, request):
    """A ledger for these quotas and this policy; the first one makes the schema."""
    opened = []

    def another(quotas=None, policy=None):
        database = connect()
        upgrade.upgrade(database)
        opened.append(Ledger(database, quotas or Quotas(), policy or Policy()))
        return opened[-1]

    yield another
    if opened and not request.node.get_closest_marker("by_hand"):
        assert [f"{one.id} {one.what}" for one in replay.findings(opened[-1])] == []


@pytest.fixture
def ledger(open_ledger):
    return open_ledger()


@pytest.fixture
def wire(postgresql):
    """A wire to an empty database on PostgreSQL, to count what goes over it and to cut it."""
    made = Wire(postgresql)
    yield made
    made.close()


@pytest.fixture
def over_wire(wire, postgresql):
    """A ledger that is reached over the wire, its schema made."""
    direct = Database(postgresql)
    upgrade.upgrade(direct)
    direct.engine.dispose()
    database = Database(wire.url)
    yield lambda quotas=None, policy=None: Ledger(database, quotas or Quotas(), policy or Policy())
    database.engine.dispose()

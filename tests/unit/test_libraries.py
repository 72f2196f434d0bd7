"""A library that is not installed: what says so, and where nothing else may come of it."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from worker import libraries
from worker.errors import LedgerMisconfigured
from worker.ledger import database

ORDER = "S01-1234567-1234567"
# A process in which a module is not there, as on a machine where nobody has installed it.
WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None\n"
COMMAND_LINE = WITHOUT + "from worker import cli; cli.main()"
SHOP = WITHOUT + f"from worker import confirm; print(confirm.delay('{ORDER}', seller='acme').id)"


def without(module, script, *args):
    command = [sys.executable, "-c", script, module, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def unreachable(configured):
    configured(broker="redis://:hidden@127.0.0.1:1/0")


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("absent", ["redis", "packaging"])
def test_a_command_that_records_does_so_and_says_what_its_broker_lacks(absent):
    done = without(absent, COMMAND_LINE, "confirm", ORDER, "--seller", "acme", "--json")
    (job,) = json.loads(done.stdout)
    assert (done.returncode, job["order_id"], job["state"]) == (0, ORDER, "waiting")
    (line,) = [each for each in done.stderr.splitlines() if "new ledger" not in each]
    assert line == (
        f"{libraries.sentence('The broker', absent)}"
        " It is recorded all the same; workers look into the ledger."
    )


@pytest.mark.usefixtures("unreachable")
def test_a_shop_whose_broker_lacks_a_library_records_and_is_warned_in_the_same_sentence():
    done = without("redis", SHOP)
    assert (done.returncode, len(done.stdout.strip())) == (0, 36), done.stderr
    assert libraries.sentence("The broker", "redis") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_worker_does_not_start_without_the_library_of_its_broker(command):
    done = without("redis", COMMAND_LINE, command)
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert libraries.sentence("The broker", "redis") in said
    assert "hidden" not in said


@pytest.mark.parametrize("command", [("run",), ("jobs",), ("check",)])
def test_a_ledger_without_its_driver_is_a_mistake_of_the_configuration(
    configured, monkeypatch, command
):
    configured()
    monkeypatch.setenv("ORDER_WORKER_LEDGER__URL", "postgresql+psycopg://u:hidden@127.0.0.1:1/x")
    done = without("psycopg", COMMAND_LINE, *command)
    assert done.returncode == 2, done.stderr
    assert "needs a library that is not installed (psycopg): pip install" in done.stderr
    assert "hidden" not in done.stderr


def test_the_driver_of_a_ledger_is_asked_for_when_its_objects_are_built(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerMisconfigured, match=r"\(psycopg\): pip install .*\[postgres\]'"):
        database.Database("postgresql+psycopg://somebody@127.0.0.1:1/ledger")


@pytest.mark.parametrize("url", ["memory://", "amqp://host", "redis://host", "rediss://host"])
def test_nothing_is_missing_where_everything_is_installed(url):
    assert libraries.of_broker(url) is None


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "'order-worker[redis]'"),
        ({"url": "file:///srv/a%20b", "dir_info": {}}, "'/srv/a b[redis]'"),
        ({"url": "file:///srv/x", "dir_info": {"editable": True}}, "--editable '/srv/x[redis]'"),
        ({"url": "file:///w/one-1.whl", "archive_info": {}}, "'/w/one-1.whl[redis]'"),
        (
            {"url": "https://host.example/x.git", "vcs_info": {"vcs": "git"}},
            "'order-worker[redis] @ git+https://host.example/x.git'",
        ),
    ],
)
def test_the_command_installs_from_where_the_package_came(monkeypatch, origin, command):
    class Recorded:
        def read_text(self, _name):
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(libraries, "distribution", lambda _: Recorded())
    assert libraries.sentence("The broker", "redis") == (
        f"The broker needs a library that is not installed (redis): pip install {command}."
    )


def test_every_extra_that_is_named_is_one_of_the_package():
    known = metadata.metadata("order-worker").get_all("Provides-Extra")
    assert set(libraries.EXTRAS.values()) <= set(known)


WITHIN = (
    WITHOUT
    + f"""
import sqlite3
from worker import confirm
from worker.bootstrap import runtime

runtime()
connection = sqlite3.connect(runtime().ledger.database.engine.url.database)
connection.execute("BEGIN")
print(confirm.delay_within(connection, '{ORDER}', seller='acme').id)
connection.commit()
"""
)


def test_a_job_is_recorded_within_a_transaction_without_what_asynchronous_connections_need(
    configured,
):
    configured()
    done = without("greenlet", WITHIN)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 1

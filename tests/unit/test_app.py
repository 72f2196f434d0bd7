"""The application: cheap to import, nobody's default, strict about what its worker needs."""

import json
import logging
import os
import subprocess
import sys

import pytest
from celery.worker.consumer import consumer

from worker.app import _in_our_words


@pytest.fixture
def python(configured, tmp_path):
    """Run a program in a process of its own; what it printed, as JSON."""

    def run(program, **env):
        configured()
        done = subprocess.run(
            [
                sys.executable,
                *("-W", "error", "-W", "ignore:You're running"),
                "-c",
                f"import json, sys\n{program}",
            ],
            cwd=tmp_path,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


HEAVY = [
    "alembic",
    "defusedxml",
    "pydantic",
    "requests",
    "rich",
    "sqlalchemy",
    "structlog",
    "tenacity",
]
LOADED = "print(json.dumps([name for name in {} if name in sys.modules]))"


def test_importing_the_package_loads_nothing_heavy(python):
    heavy = [*HEAVY, "celery", "kombu"]
    assert python("import worker\n" + LOADED.format(heavy)) == []


def test_a_producers_import_loads_celery_and_neither_ledger_nor_settings(python):
    heavy = [*HEAVY, "worker.bootstep", "worker.bootstrap", "worker.results", "celery"]
    assert python("import worker\nworker.confirm\n" + LOADED.format(heavy)) == ["celery"]


def test_the_application_is_not_the_process_default_one(python):
    program = """
from worker import confirm
from celery import Celery, current_app, shared_task
@shared_task
def ship(): ...
assert current_app.main == "default", current_app.main
shop = Celery("shop", broker="memory://", set_as_current=True)
assert current_app.main == "shop"
assert confirm.app.main == "order-worker"
assert "worker.confirm" not in shop.tasks
confirm.delay("S01-0000000-0000001", seller="acme")
print(json.dumps([current_app.main, ship.app.main, confirm.app.main]))
"""
    assert python(program) == ["shop", "shop", "order-worker"]


def test_the_logs_of_a_shops_own_worker_stay_its_own(python):
    program = """
import worker.app
from celery import Celery, signals
shop = Celery("shop", broker="memory://")
shop.Worker(pool="solo", loglevel="ERROR")
print(json.dumps([bool(signals.setup_logging.receivers)]))
"""
    assert python(program) == [False]


def test_the_tasks_have_the_names_that_other_producers_send(python):
    program = """
from worker.app import app
print(json.dumps(sorted(name for name in app.tasks if not name.startswith("celery."))))
"""
    names = ["worker.cancel", "worker.chord", "worker.confirm", "worker.sweep"]
    assert python(program) == names


def test_a_forked_child_has_connections_of_its_own(python):
    program = """
import os
from kombu import pools
from worker.app import app, confirm
from worker.bootstrap import runtime
confirm.delay("S01-0000000-0000001", seller="acme")
with app.producer_pool.acquire() as producer:
    mine = producer.connection
before = runtime()
read, write = os.pipe()
if os.fork() == 0:
    with app.producer_pool.acquire() as producer:
        theirs = producer.connection
    job = confirm.delay("S01-0000000-0000002", seller="acme")
    told = [theirs is mine, runtime().worker == before.worker, job.state]
    os.write(write, json.dumps(told).encode())
    os._exit(0)
os.wait()
print(os.read(read, 1000).decode())
"""
    assert python(program) == [False, False, "PENDING"]


@pytest.mark.parametrize("name", ["UNKNOWN_TASK_ERROR", "UNKNOWN_FORMAT", "MESSAGE_DECODE_ERROR"])
def test_the_body_of_a_message_that_cannot_be_used_is_not_logged(name):
    template = getattr(consumer, name)
    record = logging.LogRecord(
        "celery.worker.consumer.consumer",
        logging.ERROR,
        __file__,
        1,
        template,
        ("'shop.ship'", *["Jane Doe"] * (template.count("%") - 1)),
        None,
    )
    assert _in_our_words(record)
    assert "Jane Doe" not in record.getMessage()
    assert record.getMessage()

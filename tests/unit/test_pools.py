"""Which pool a worker runs in, told or not, and which one it cannot run in."""

import types

import click
import pytest
from celery.concurrency import prefork, solo, thread

from worker import pools


@pytest.mark.parametrize(
    ("arguments", "pool"),
    [([], thread.TaskPool), (["-P", "prefork"], prefork.TaskPool)],
)
def test_threads_unless_prefork_stands_on_the_command_line(arguments, pool):
    @click.command()
    @click.option("-P", "--pool", default="prefork")
    def worker(pool):
        return pools.Untold

    assert worker.main(arguments, standalone_mode=False) is pool


def test_threads_without_a_command_line():
    assert pools.Untold is thread.TaskPool


@pytest.mark.parametrize("pool", [thread.TaskPool, solo.TaskPool, prefork.TaskPool])
def test_each_promised_pool_is_taken_where_a_broker_is_reached(pool):
    assert pools.mistake(pool, in_memory=False) is None


def test_no_child_reaches_the_in_memory_broker():
    assert "use --pool threads" in pools.mistake(prefork.TaskPool, in_memory=True)
    assert pools.mistake(thread.TaskPool, in_memory=True) is None


def test_a_pool_of_greenlets_is_refused():
    greenlets = types.SimpleNamespace(__module__="celery.concurrency.gevent")
    assert "does not run in celery.concurrency.gevent" in pools.mistake(greenlets, in_memory=False)

"""The pool of a worker that was not told which: threads.

A call waits for its provider rather than for a processor, so that one process with threads does
what a process each would do, with a twentieth of the memory and one writer to SQLite. Celery's
default is prefork, and it takes `-P prefork` for "not told"; its command line knows better.
"""

from typing import Any

import click
from celery import concurrency
from click.core import ParameterSource

THREADS = "threads"
PREFORK = "prefork"
UNTOLD = "worker.pools:Untold"  # the setting, resolved when Celery chooses the pool

# Greenlets wait for SQLite in line, and have a connection each.
MODULES = {
    "celery.concurrency.prefork": PREFORK,
    "celery.concurrency.thread": THREADS,
    "celery.concurrency.solo": "solo",
}


def mistake(pool: Any, *, in_memory: bool) -> str | None:
    """Why a worker cannot run in this pool of Celery's; None if it can.

    The option is in the words of both doors: Celery's own command takes `--pool` for `-P`.
    """
    name = MODULES.get(pool.__module__)
    if name is None:
        return f"The worker does not run in {pool.__module__}: use --pool threads, prefork or solo."
    if name == PREFORK and in_memory:
        return (
            "The children of the prefork pool cannot reach the in-memory broker: use --pool"
            " threads, or a broker.url of RabbitMQ or Redis."
        )
    return None


def __getattr__(name: str) -> Any:
    if name == "Untold":
        return concurrency.get_implementation(PREFORK if _is_told() else THREADS)
    raise AttributeError(name)


def _is_told() -> bool:
    """Whether prefork stands on the command line: no other pool is asked of this module."""
    context = click.get_current_context(silent=True)
    source = context and context.get_parameter_source("pool")
    return source not in {None, ParameterSource.DEFAULT}

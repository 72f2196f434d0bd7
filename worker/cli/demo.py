"""`order-worker demo`: the tour."""

from importlib import import_module

import click


@click.command("demo", short_help="The tour: both providers, their faults, what comes of it.")
def command() -> None:
    """The tour: both providers, their faults, and what the worker makes of it."""
    raise SystemExit(import_module("worker.demo").main())

"""The command line: one module per command, loaded when it is called.

Modules here import click and nothing heavy at their top: `order-worker --help` answers without
Celery and SQLAlchemy.
"""

from worker.cli.program import program

__all__ = ["main", "program"]


def main() -> None:
    """The console script. Ends the process with the exit codes of `failures`."""
    program(prog_name="order-worker")

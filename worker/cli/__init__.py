"""The command line: one module per command, loaded when it is called.

Modules here import click and nothing heavy at their top: `order-worker --help` answers without
Celery and SQLAlchemy.
"""

import os
import sys

from worker.cli import failures
from worker.cli.program import program

__all__ = ["main", "program"]


def main() -> None:
    """The console script. Ends the process with the exit codes of `failures`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115
    try:
        program(prog_name="order-worker")
    except OSError as error:  # of the help, which comes before any command
        failures.answer(failures.sentence(error))
        sys.exit(failures.BAD_INPUT)

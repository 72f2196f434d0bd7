"""`jobs --watch`: a list that is drawn anew each second, until Ctrl-C."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import click

from worker.cli import printing
from worker.cli.listing import COLUMNS, cells
from worker.cli.tables import drawn

EVERY = 1.0  # seconds
HEADING = 2  # lines that are not jobs: the column's names, and the last one


def watch(find: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """Draw what `find` finds, as much of it as fits the screen, again and again.

    Ends on Ctrl-C, which is how it is meant to end. Raises click's UsageError where no screen
    would show it.
    """
    if not sys.stdout.isatty():
        raise click.UsageError("--watch draws on a terminal: leave it out, or ask again in a loop.")
    from rich.live import Live

    screen = printing.console()
    try:
        with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                rows = max(1, screen.height - HEADING)
                found = islice(find(), rows)
                live.update(drawn(COLUMNS, map(cells, found), screen.width)[0], refresh=True)
                time.sleep(EVERY)
    except KeyboardInterrupt:
        return

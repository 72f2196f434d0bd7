"""A bar below what is told, while somebody looks at a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.cli import printing


@contextmanager
def shown(total: int | None, *, as_json: bool) -> Iterator[Callable[[int], None]]:
    """Give what is told of each step how many of `total` it was; None: nobody knows how many."""
    shared = sys.stdout.isatty()  # with the bar, which moves what is printed above itself
    if not sys.stderr.isatty() or (as_json and shared):
        yield lambda _steps: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=printing.console(sys.stderr),
        transient=True,
        redirect_stdout=shared,
    ) as progress:
        bar = progress.add_task("", total=total)
        yield lambda steps: progress.advance(bar, steps)

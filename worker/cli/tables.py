"""Tables for people, whatever the width of their screen.

Nothing is ever shortened: half an order id is none. On a narrow screen columns go as a whole,
those that say nothing first, then in the sequence that the table gives them.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from worker.cli.printing import console, plain

GAP = 2  # blanks between two columns


@dataclass(frozen=True, slots=True)
class Column:
    """`leaves` is the place among those that go where the screen is narrow; 0 always stays."""

    heading: str
    leaves: int = 0


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table without rules. An empty one prints its headings alone."""
    from rich.table import Table
    from rich.text import Text

    cells = [[plain(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells)
    screen = console()
    kept = _kept(columns, cells, widths, screen.width)
    # Wider than the screen, if it must be: a terminal wraps, and cuts nothing off.
    screen = console(width=max(screen.width, _total(kept, widths)))
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place in kept:
        shown.add_column(columns[place].heading, no_wrap=True)
    for row in cells:
        shown.add_row(*(Text(row[place]) for place in kept))
    if sys.stdout.isatty():
        screen.print(shown)
        return
    for line in screen.render_lines(shown, pad=False):
        click.echo("".join(segment.text for segment in line).rstrip())


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [
        max(map(cell_len, (column.heading, *(row[place] for row in rows))))
        for place, column in enumerate(columns)
    ]


def _kept(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], screen: int
) -> list[int]:
    """The places of the columns that fit, in their order."""

    def is_told(place: int) -> bool:
        return any(row[place] for row in rows)

    kept = list(range(len(columns)))
    leaving = [place for place in kept if columns[place].leaves]
    for place in sorted(leaving, key=lambda place: (is_told(place), columns[place].leaves)):
        if _total(kept, widths) <= screen:
            break
        kept.remove(place)
    return kept


def _total(kept: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[place] for place in kept) + GAP * (len(kept) - 1)

"""Tables for people, whatever the width of their screen.

Nothing is ever shortened: half an order id is none. On a narrow screen columns go as a whole,
those that say nothing first, then in the sequence that the table gives them.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import click

from worker.cli.printing import console, plain

if TYPE_CHECKING:
    from rich.table import Table

GAP = 2  # blanks between two columns


@dataclass(frozen=True, slots=True)
class Column:
    """`leaves` is the place among those that go where the screen is narrow; 0 always stays."""

    heading: str
    leaves: int = 0


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], stream: IO[str] | None = None
) -> None:
    """Print a table without rules on `stream`, standard output if it is None. An empty one prints
    its headings alone.
    """
    stream = stream or sys.stdout
    screen = console(stream)
    shown, width = drawn(columns, rows, screen.width)
    # Wider than the screen, if it must be: a terminal wraps, and cuts nothing off.
    screen = console(stream, width=max(screen.width, width))
    if stream.isatty():
        screen.print(shown)
        return
    for line in screen.render_lines(shown, pad=False):
        click.echo("".join(segment.text for segment in line).rstrip(), file=stream)


def drawn(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], screen: int
) -> "tuple[Table, int]":
    """The table for a screen of so many columns, and how many it takes."""
    from rich.table import Table
    from rich.text import Text

    cells = [[plain(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells)
    kept = _kept(columns, cells, widths, screen)
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place in kept:
        shown.add_column(columns[place].heading, no_wrap=True)
    for row in cells:
        shown.add_row(*(Text(row[place]) for place in kept))
    return shown, _total(kept, widths)


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

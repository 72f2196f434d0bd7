"""What commands print: one JSON array for programs, calm tables for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

SHORT = 8  # characters of a job's id that people are shown; `show` takes them
UNBOUNDED = 1000  # columns, where nobody's screen ends

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, a list as one array.")


def array(items: Iterable[object]) -> None:
    """Print one JSON array, an element a line, as they come."""
    begun = False
    for item in items:
        click.echo(("," if begun else "[") + "\n" + json.dumps(item, ensure_ascii=False), nl=False)
        begun = True
    click.echo("\n]" if begun else "[]")


def single(item: object) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(item, ensure_ascii=False, indent=2))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table without rules. An empty one prints its headings alone."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        shown.add_column(heading, no_wrap=not sys.stdout.isatty())
    for row in rows:
        shown.add_row(*(Text(plain(cell)) for cell in row))
    if sys.stdout.isatty():
        console().print(shown)
        return
    for line in console().render_lines(shown, pad=False):
        click.echo("".join(segment.text for segment in line).rstrip())


def console(stream: IO[str] | None = None) -> "Console":
    """A console that leaves a broken pipe to `failures`."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = stream or sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    return Quiet(file=stream, width=width, highlight=False, markup=False, emoji=False)


def plain(value: object) -> str:
    """A cell or a word of a line: no control characters, whatever a provider or a file holds."""
    if value is None:
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def short(job_id: str) -> str:
    return plain(job_id[:SHORT])


def moment(iso: str | None) -> str:
    """`2026-01-31T23:59:59.123Z` for people: without the fraction."""
    return "" if iso is None else iso[:19].replace("T", " ")


def clock(iso: str | None) -> str:
    """The time of day of a moment, with milliseconds."""
    return "" if iso is None else iso[11:23]


def status(job: Mapping[str, Any]) -> str:
    """A job's state and, while it waits, for what."""
    return f"{job['state']}: {job['waiting_for']}" if job["waiting_for"] else str(job["state"])

"""What commands print: one JSON array for programs, plain words for people."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

SHORT = 8  # characters of a job's id that people are shown; `show` takes them
UNBOUNDED = 1000  # columns, where nobody's screen ends

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
loglevel = click.option(
    "--loglevel",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="Of the lines on standard error.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, a list as one array.")


def array(items: Iterable[object]) -> None:
    """Print one JSON array, an element a line, as they come."""
    begun = False
    try:
        for item in items:
            line = json.dumps(item, ensure_ascii=False)
            click.echo(f"{',' if begun else '['}\n{line}", nl=False)
            begun = True
    except Exception:
        click.echo()  # why the array has no end is told on a line of its own
        raise
    click.echo("\n]" if begun else "[]")


def single(item: object) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(item, ensure_ascii=False, indent=2))


def console(stream: IO[str] | None = None, width: int | None = None) -> "Console":
    """A console as wide as its screen, or as `width`; it leaves a broken pipe to `failures`."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = stream or sys.stdout
    width = width or (None if stream.isatty() else UNBOUNDED)
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


def lately(iso: str | None) -> str:
    """A moment in a table, in UTC: of today the time alone, else without the seconds."""
    if iso is None:
        return ""
    today = datetime.now(UTC).date().isoformat()
    return f"{iso[11:19]}Z" if iso[:10] == today else f"{iso[:10]} {iso[11:16]}Z"


def is_past(iso: str) -> bool:
    """Whether a moment of the ledger has come, by this machine's clock."""
    return iso <= datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(iso: str | None) -> str:
    """The time of day of a moment, with milliseconds."""
    return "" if iso is None else iso[11:23]


def status(job: Mapping[str, Any]) -> str:
    """A job's state and, while it waits, for what; with its effect, where only details are left."""
    if not job["waiting_for"]:
        return str(job["state"])
    applied = " (applied)" if job["effect"] == "applied" else ""
    return f"{job['state']}: {job['waiting_for']}{applied}"


def said(code: str | None, message: str | None) -> str:
    """A provider's code and words; some of them begin with the code again."""
    words = plain(message).removeprefix(f"{code}:").lstrip() if code else plain(message)
    return ": ".join(filter(None, (plain(code), words)))

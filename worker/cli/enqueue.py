"""`order-worker enqueue`: record the requests of a file.

Recorded in batches, a transaction each; from standard input one by one, since a line that was
read and not recorded could be somebody's last. What is reported has been committed.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli import printing, recording, session
from worker.cli.completing import SELLER
from worker.cli.failures import BAD_INPUT, say
from worker.cli.intake import LONGEST_LINE, Record, lines_of, read
from worker.cli.interruption import BY_SIGNAL, stopped_at_once, stopped_between
from worker.cli.printing import plain
from worker.errors import BadInput

if TYPE_CHECKING:
    from worker.bootstrap import Runtime
    from worker.domain.jobs import Request

BATCH = 100  # requests of one transaction: other writers wait for it
STANDARD_INPUT = "-"


@click.command("enqueue", short_help="Record the requests of a file.")
@click.argument("file", type=click.Path())
@click.option("--task", type=click.Choice(("confirm", "cancel")), help="For lines without one.")
@click.option("--seller", type=SELLER, help="For lines without one.")
@printing.as_json
def command(file: str, task: str | None, seller: str | None, as_json: bool) -> None:
    """Record the requests of FILE: CSV with a header, or JSON lines; - is standard input.

    Columns or keys are task, seller, order_id, reason, reason_detail, parent_order_id,
    success_url, failure_url, priority, key. A line that is wrong is told, with its number,
    and the others are recorded; the exit code is 2 then. To run it again does no harm, also
    after Ctrl-C: what was recorded is found again by its key.
    """
    now = session.asking()
    defaults = {"task": task, "seller": seller, "priority": recording.PRIORITY}
    shop = Intake(now, "stdin" if file == STANDARD_INPUT else file, defaults)
    held: list[str] = []
    apart = as_json and sys.stdout.isatty()  # nothing else may stand on the array's screen
    if apart:
        shop.complain = held.append
    with _opened(file) as (stream, waits), _stopping(waits) as stopped_by:
        try:
            with nullcontext() if apart else _progress(file, shop):
                told = shop.record(stream, 1 if file == STANDARD_INPUT else BATCH, stopped_by)
                printing.array(told) if as_json else deque(told, maxlen=0)
        finally:
            for complaint in held:
                say(complaint)
            shop.tell()
            recording.warn_of_blindness(shop.blind)
            recording.warn_of_broker()
        if not shop.is_whole and (number := stopped_by()):
            raise click.exceptions.Exit(BY_SIGNAL + number)
    if shop.broken:
        raise click.exceptions.Exit(BAD_INPUT)


@dataclass(slots=True)
class Intake:
    """Records the requests of one file, and counts."""

    now: "Runtime"
    name: str
    defaults: dict[str, Any]
    recorded: int = 0
    asked_before: int = 0
    broken: int = 0
    blind: int = 0  # recorded, and not to be looked up
    position: int = 0  # bytes that were read
    after_batch: Callable[[], None] = lambda: None
    complain: Callable[[str], None] = say
    line: int = 0  # the last of which it is known what became
    is_whole: bool = False

    def record(
        self,
        stream: Iterable[bytes],
        batch: int,
        is_stopped: Callable[[], object] = lambda: None,
    ) -> Iterator[dict[str, Any]]:
        """Record everything, or what comes before a stop; what became of each good line."""
        records = self._read(stream)
        while not is_stopped():
            lines = list(islice(records, batch))
            asked = [(line, request) for line in lines if (request := self._request(line))]
            if asked:
                yield from self._accept(asked)
            self.after_batch()
            if len(lines) < batch:
                self.is_whole = True
                return
            self.line = lines[-1].line

    def tell(self) -> None:
        say(
            f"{self.name}: {self.recorded} recorded, {self.asked_before} asked before,"
            f" {self.broken} broken."
        )
        if not self.is_whole:
            say(
                f"{self.name}: interrupted after line {self.line}. Run it again: what was"
                " recorded is found by its key."
            )

    def _read(self, stream: Iterable[bytes]) -> Iterator[Record]:
        try:
            yield from read(self._counted(stream))
        except BadInput as error:  # of the header: nothing after it can be read
            self._complain(1, error)

    def _counted(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        for number, line in enumerate(stream, start=1):
            self.position += len(line)
            if len(line) <= LONGEST_LINE:
                yield line
                continue
            self._complain(number, BadInput("line", f"has more than {LONGEST_LINE} bytes."))
            yield b"\n"  # which is passed over, and counted

    def _request(self, record: Record) -> "Request | None":
        from worker.domain.jobs import Task

        if isinstance(record.words, BadInput):
            return self._complain(record.line, record.words)
        words = {**self.defaults, **record.words}
        task = words.pop("task")
        if task not in list(Task):
            return self._complain(
                record.line, BadInput("task", f"{task!r:.100} is not confirm or cancel.")
            )
        for word in ("seller", "order_id"):
            if words.get(word) is None:
                return self._complain(record.line, BadInput(word, "is not given."))
        try:
            return self.now.producers.request(Task(task), (), words)
        except BadInput as error:
            return self._complain(record.line, error)

    def _accept(self, asked: "list[tuple[Record, Request]]") -> Iterator[dict[str, Any]]:
        answers = self.now.producers.accept_each([(each, recording.terms()) for _, each in asked])
        for (record, request), accepted in zip(asked, answers, strict=True):
            if isinstance(accepted, BadInput):
                self._complain(record.line, accepted)
                continue
            self.recorded += accepted.created
            self.asked_before += not accepted.created
            self.blind += accepted.created and not self.now.sellers.can_look_up(request)
            recording.publish(accepted, request)
            yield {"line": record.line, "id": accepted.job_id, "created": accepted.created}

    def _complain(self, line: int, error: BadInput) -> "Request | None":
        self.broken += 1
        self.complain(f"{self.name}:{line}: {plain(error)}")
        return None


@contextmanager
def _opened(file: str) -> Iterator[tuple[Iterable[bytes], bool]]:
    """The lines of the file, and whether one may be long in coming."""
    if file == STANDARD_INPUT:
        yield lines_of(sys.stdin.buffer), True
        return
    with Path(file).open("rb") as stream:
        yield lines_of(stream), not stream.seekable()


def _stopping(waits: bool) -> AbstractContextManager[Callable[[], int | None]]:
    """A file ends between two batches, a pipe that nobody writes into at once."""
    return stopped_at_once() if waits else stopped_between()


@contextmanager
def _progress(file: str, shop: Intake) -> Iterator[None]:
    """How far the file was read, while somebody looks at a terminal."""
    if not sys.stderr.isatty() or file == STANDARD_INPUT:
        yield
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.fields[recorded]} recorded"), TimeRemainingColumn())
    console = printing.console(sys.stderr)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=Path(file).stat().st_size or None, recorded=0)

        def advance() -> None:
            progress.update(bar, completed=shop.position, recorded=shop.recorded)

        shop.after_batch = advance
        yield

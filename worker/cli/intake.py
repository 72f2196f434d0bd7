"""Reading a file of requests: CSV with a header, or JSON lines. Line by line, in constant memory.

Each line answers for itself: what is wrong with one says nothing about the next. A record of
CSV may go over several lines inside quotes, but a quote that is never closed must not swallow
the good lines after it; so a record is looked for in a few lines, and no further.
"""

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from worker.errors import BadInput

WORDS = (
    "task",
    "seller",
    "order_id",
    "reason",
    "reason_detail",
    "parent_order_id",
    "success_url",
    "failure_url",
    "priority",
    "key",
)
DELIMITERS = (",", ";", "\t")
SPREADSHEETS_WORD = re.compile(r"sep=([,;\t])", re.IGNORECASE)  # Excel's, above the header
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LONGEST_LINE = 2**20  # bytes
LONGEST_RECORD = 20  # lines

Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """What one record holds, or what is wrong with it. `line` is where it begins, from 1."""

    line: int
    words: Words | BadInput


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than LONGEST_LINE a byte more than that."""
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE + 1)


def read(source: Iterable[bytes], columns: Sequence[str] = WORDS) -> Iterator[Record]:
    """The records of a file, given its lines; blank ones are passed over.

    JSON lines if the first line that is not blank begins with a brace, else CSV. `columns` are
    the words that a record may have; order_id is the one that a header must name. Raises
    BadInput for a header that has others, and for a file that is not UTF-8 from its first line.
    """
    lines = _Lines(source)
    first = lines.peek()
    if first is None:
        return
    records = _json(lines) if first.startswith("{") else _csv(lines, columns)
    for record in records:
        yield Record(record.line, _checked(record.words, columns))


class _Lines:
    """Lines as text, with their numbers, and a look ahead."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = enumerate(source, start=1)
        self._ahead: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while self._fill(1):
            number, text = self._ahead.popleft()
            if text.strip():
                yield number, text

    def peek(self) -> str | None:
        """The first line that is not blank, without its indentation."""
        while self._fill(1):
            if text := self._ahead[0][1].strip():
                return text
            self._ahead.popleft()
        return None

    def following(self, count: int) -> list[str]:
        """The next lines, which stay to be read."""
        self._fill(count)
        return [text for _, text in list(self._ahead)[:count]]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._ahead.popleft()

    def _fill(self, count: int) -> bool:
        while len(self._ahead) < count:
            number, raw = next(self._source, (0, b""))
            if not number:
                break
            if number == 1 and (raw.startswith(UTF_16) or b"\0" in raw):
                raise BadInput("file", "is UTF-16 text; save it as UTF-8.")
            # Bytes that are no UTF-8 are kept as surrogates, and found by `_checked`.
            text = raw.decode("utf-8", errors="surrogateescape")
            self._ahead.append((number, text.removeprefix("\ufeff") if number == 1 else text))
        return len(self._ahead) >= count


def _json(lines: _Lines) -> Iterator[Record]:
    for number, text in lines:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield Record(number, BadInput("line", f"is not JSON ({why}); write one object a line."))
            continue
        if not isinstance(value, dict):
            yield Record(number, BadInput("line", "is no JSON object; write {…} on each line."))
            continue
        yield Record(number, {k: v for k, v in value.items() if v is not None})


def _csv(lines: _Lines, columns: Sequence[str]) -> Iterator[Record]:
    header: list[str] = []
    delimiter = ""
    for number, text in lines:
        if not (header or delimiter) and (told := SPREADSHEETS_WORD.fullmatch(text.strip("\r\n"))):
            delimiter = told[1]
            continue
        if not header:
            delimiter = delimiter or max(DELIMITERS, key=text.count)
            header = _header(text, delimiter, columns)
            continue
        yield Record(number, _of_cells(_cells(text, delimiter, lines), header))


def _header(text: str, delimiter: str, columns: Sequence[str]) -> list[str]:
    """The words of the columns. Raises BadInput unless all are known and an order is among them."""
    try:
        cells = next(csv.reader([text], delimiter=delimiter))
    except csv.Error as error:
        raise BadInput("header", f"is not CSV: {error}.") from None
    words = [cell.strip().lower() for cell in cells]
    known = ", ".join(columns)
    for word in words:
        if word not in columns:
            raise BadInput("header", f"{word!r} is no column; there are {known}.")
    if len(set(words)) < len(words):
        raise BadInput("header", "names a column twice; keep one of them.")
    if "order_id" not in words:
        raise BadInput("header", f"has no column order_id; there are {known}.")
    return words


def _cells(text: str, delimiter: str, lines: _Lines) -> list[str] | BadInput:
    """The cells of the record that begins with this line, and may go on in the next ones."""
    record = [text]
    further: list[str] | None = None
    while True:
        try:
            return _parsed(record, delimiter, lines)
        except csv.Error as error:
            problem = str(error)
        if further is None:
            further = lines.following(LONGEST_RECORD) if "end of data" in problem else []
        if len(record) > len(further):
            what = "a quote is opened and not closed" if "end of data" in problem else problem
            return BadInput("line", f"is not CSV: {what}.")
        record.append(further[len(record) - 1])


def _parsed(record: list[str], delimiter: str, lines: _Lines) -> list[str]:
    cells = next(csv.reader(record, delimiter=delimiter, strict=True))
    lines.skip(len(record) - 1)
    return cells


def _of_cells(cells: list[str] | BadInput, header: list[str]) -> Words | BadInput:
    """An empty cell is a word that was not given."""
    if isinstance(cells, BadInput):
        return cells
    if len(cells) != len(header):
        rule = f"has {len(cells)} cells, and the header names {len(header)} columns."
        return BadInput("line", rule)
    words: Words = {
        word: cell.strip() for word, cell in zip(header, cells, strict=True) if cell.strip()
    }
    if "priority" in words:
        try:
            words["priority"] = int(words["priority"])
        except ValueError:
            return BadInput("priority", f"{words['priority']!r} is not a whole number.")
    return words


def _checked(words: Words | BadInput, columns: Sequence[str]) -> Words | BadInput:
    if isinstance(words, BadInput):
        return words
    for word, value in words.items():
        if word not in columns:
            return BadInput(word, f"is no word of a request; there are {', '.join(columns)}.")
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            return BadInput(word, "is not UTF-8 text; save the file as UTF-8.")
    return words

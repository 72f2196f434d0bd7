"""What a log line is made of: one shape for this package and for the libraries under it.

Every line passes the standard library's logging, so that a shop's web application which only
records jobs keeps its own log format: its process never calls `configure`. The worker and the
command line do; then every line, whoever wrote it, has `timestamp`, `level`, `event` and
`logger`, the words bound with `bind`, and no secret.
"""

import functools
import json as jsonlib
import logging
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast
from urllib.parse import quote

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

_FIRST = ("timestamp", "level", "event", "logger")
# What Celery says of every task, at each step of it. Of ours the executor says it better.
_OF_TASKS = frozenset({"celery.app.trace", "celery.worker.strategy"})
_OUR_TASKS = "worker."
_SHORTEST_SECRET = 4  # anything shorter stands in half the words


@functools.cache
def logger(name: str) -> BoundLogger:
    """Structlog's logger of this name."""
    wrapped = structlog.wrap_logger(
        logging.getLogger(name),
        processors=_TO_LOGGING,
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast(BoundLogger, wrapped)


def configure(
    *,
    stream: TextIO | None = None,
    json: bool | None = None,
    level: str = "INFO",
    secrets: Iterable[str] = (),
) -> None:
    """Send all log lines of this process to `stream` (standard error unless given).

    JSON lines, or a form for people if the stream is a terminal; `json` chooses. Colours only
    there, and not if NO_COLOR is set. Each of `secrets` that is four characters or longer is
    shown as ***. Celery's own lines about our tasks come at DEBUG only. Called again, it
    replaces what the last call set up.
    """
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    as_json = not terminal if json is None else json
    handler = _Lines(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                _own_words,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _timestamp,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,  # the plain traceback: no locals
            ],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _Plain(secrets),
                _json
                if as_json
                else _for_people(colors=terminal and not os.environ.get("NO_COLOR")),
            ],
        )
    )
    if level.upper() != "DEBUG":
        handler.addFilter(_says_something_new)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Lines)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


def hide(secrets: Iterable[str]) -> None:
    """Show these, too, as ***, if `configure` was called: a configuration was read anew."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Lines) and isinstance(handler.formatter, ProcessorFormatter):
            for each in handler.formatter.processors:
                if isinstance(each, _Plain):
                    each.hide(secrets)


class _Lines(logging.StreamHandler[TextIO]):
    """The handler that `configure` added, to be known again by the next call."""


def _says_something_new(record: logging.LogRecord) -> bool:
    """False for Celery's "received", "succeeded", "ignored" … of a task of ours."""
    if record.name not in _OF_TASKS or record.levelno > logging.INFO:
        return True
    of = record.args.get("name") if isinstance(record.args, Mapping) else None
    return not str(of).startswith(_OUR_TASKS)


def _to_record(_logger: WrappedLogger, _method: str, words: EventDict) -> Any:
    """Hand the line to logging: readable for any formatter, whole for ours."""
    exc_info = words.pop("exc_info", None)
    passed = {"exc_info": exc_info} if exc_info else {}
    rest = " ".join(f"{key}={value!r}" for key, value in words.items() if key != "event")
    event = str(words.get("event", ""))
    return ("%s", f"{event} {rest}".rstrip()), {**passed, "extra": {"order_worker_words": words}}


_TO_LOGGING: list[Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.contextvars.merge_contextvars,
    _to_record,
]


def _own_words(_logger: WrappedLogger, _method: str, words: EventDict) -> EventDict:
    return {**words, **getattr(words["_record"], "order_worker_words", {})}


def _timestamp(_logger: WrappedLogger, _method: str, words: EventDict) -> EventDict:
    at = datetime.fromtimestamp(words["_record"].created, UTC)
    words["timestamp"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return words


class _Plain:
    """Turns a line into texts and numbers, secrets hidden, the four common keys first.

    Before rendering, not after: a *** in the middle of finished JSON could break it, and a
    rendered secret may have been escaped.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: set[str] = set()
        self._secret: re.Pattern[str] | None = None
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        self._forms |= {form for s in secrets if len(s) >= _SHORTEST_SECRET for form in _forms(s)}
        longest_first = sorted(self._forms, key=len, reverse=True)
        if longest_first:
            self._secret = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, _logger: WrappedLogger, _method: str, words: EventDict) -> EventDict:
        ordered = {**{key: words[key] for key in _FIRST}, **words}
        return {self._text(key): self._value(value) for key, value in ordered.items()}

    def _value(self, value: object) -> object:
        match value:
            case None | bool():
                return value
            case int() | float():
                text = self._text(str(value))
                return value if text == str(value) and math.isfinite(value) else text
            case str():
                return self._text(value)
            case Mapping():
                return {self._text(str(k)): self._value(v) for k, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value(each) for each in value]
        return self._text(repr(value))

    def _text(self, text: str) -> str:
        return self._secret.sub("***", text) if self._secret else text


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it may stand in a text: itself, escaped, quoted for a URL."""
    escaped = (jsonlib.dumps(secret)[1:-1], jsonlib.dumps(secret, ensure_ascii=False)[1:-1])
    return (secret, *escaped, repr(secret)[1:-1], quote(secret), quote(secret, safe=""))


def _json(_logger: WrappedLogger, _method: str, words: EventDict) -> str:
    return jsonlib.dumps(words)  # ASCII: whatever the encoding of the stream


def _for_people(*, colors: bool) -> Processor:
    render = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )

    def without_none(logger: WrappedLogger, method: str, words: EventDict) -> str:
        told = {key: value for key, value in words.items() if value is not None}
        return str(render(logger, method, told))

    return without_none

import io
import json
import logging
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from worker import loglines, logs

SECRET = 'obviously/fake"é'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def suppressed(event: str):
    try:
        yield
    except ValueError:
        logs.get("worker.x").exception(event)


def fail(message: str, *, local: str = "") -> None:
    raise ValueError(message)


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def written(**options) -> io.StringIO:
    stream = io.StringIO()
    loglines.configure(stream=stream, **options)
    return stream


def test_a_line_is_json_with_the_common_keys_first():
    stream = written()
    logs.get("worker.executor").info("parked", wait=1.5)
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "event", "logger", "wait"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {"level": "info", "event": "parked", "logger": "worker.executor", "wait": 1.5}


@pytest.mark.parametrize(
    "name", ["celery.worker", "kombu", "sqlalchemy.engine", "alembic", "urllib3"]
)
def test_lines_of_libraries_have_the_same_keys(name):
    stream = written()
    logging.getLogger(name).warning("lost %s", "connection")
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "event", "logger"]
    assert (line["level"], line["event"], line["logger"]) == ("warning", "lost connection", name)


def test_bound_words_are_on_every_line_of_the_block_and_on_none_after():
    stream = written()
    with logs.bind(job="j1", seller="acme"):
        logs.get("worker.x").info("claimed", attempt=1)
        logging.getLogger("kombu").info("connected")
    logs.get("worker.x").info("idle")
    own, foreign, after = lines(stream)
    assert (own["job"], own["seller"], own["attempt"]) == ("j1", "acme", 1)
    assert (foreign["job"], foreign["seller"]) == ("j1", "acme")
    assert "job" not in after


def test_a_traceback_shows_no_locals():
    stream = written()
    with suppressed("failed"):
        fail("broken", local="in-a-local")
    (line,) = lines(stream)
    assert "ValueError: broken" in line["exception"]
    assert "in test_a_traceback_shows_no_locals" in line["exception"]
    assert "in-a-local" not in line["exception"].replace('local="in-a-local"', "")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_replaced_wherever_it_stands(as_json):
    stream = written(json=as_json, secrets=[SECRET, "obviously"])
    log = logs.get("worker.x")
    event = f"message {SECRET}"
    log.info(event, key=SECRET, **{SECRET: 1}, deep={"x": [SECRET], SECRET: (SECRET,)})
    log.info("escaped", body=json.dumps({"a": SECRET}), url="http://h/?k=obviously%2Ffake%22%C3%A9")
    log.info("an object", error=ValueError(SECRET))
    logging.getLogger("kombu").info("library %s", SECRET)
    with suppressed("traceback"):
        fail(SECRET)
    text = stream.getvalue()
    assert "obviously" not in text
    assert "fake" not in text
    assert text.count("***") >= 11


def test_a_line_with_a_replaced_number_is_still_json():
    stream = written(secrets=["123456"])
    logs.get("worker.x").info("odd", number=123456, other=7, none=None, inf=float("inf"))
    (line,) = lines(stream)
    assert (line["number"], line["other"], line["none"], line["inf"]) == ("***", 7, None, "inf")


def test_a_secret_of_three_characters_is_no_reason_to_blank_words():
    stream = written(secrets=["job", ""])
    logs.get("worker.x").info("a job")
    assert lines(stream)[0]["event"] == "a job"


def test_a_terminal_gets_a_form_for_people():
    stream = Terminal()
    loglines.configure(stream=stream)
    logs.get("worker.x").info("parked", job="j1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert re.match(r"\d{4}-\S+Z \[info +\] parked +\[worker\.x\] job=j1\n", plain)


def shown_on_a_terminal(**words):
    stream = Terminal()
    loglines.configure(stream=stream)
    logs.get("worker.x").info("parked", **words)
    return stream.getvalue()


def test_a_terminal_is_shown_what_there_is_in_the_sequence_it_was_given(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    line = shown_on_a_terminal(order="S01", found=None, code="X")
    assert line.endswith("[worker.x] order=S01 code=X\n")


def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown_on_a_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown_on_a_terminal()


@pytest.mark.parametrize("name", ["celery.app.trace", "celery.worker.strategy"])
def test_what_celery_says_of_every_task_is_not_said_of_ours(name):
    stream = written()
    for task in ("worker.confirm", "shop.report"):
        told = {"id": "j1", "name": task}
        logging.getLogger(name).info("Task %(name)s[%(id)s] ignored", told)
        logging.getLogger(name).error("Task %(name)s[%(id)s] raised unexpected", told)
    logging.getLogger(name).info("without a task")
    assert [line["event"] for line in lines(stream)] == [
        "Task worker.confirm[j1] raised unexpected",
        "Task shop.report[j1] ignored",
        "Task shop.report[j1] raised unexpected",
        "without a task",
    ]


def test_at_debug_celery_says_all():
    stream = written(level="debug")
    logging.getLogger("celery.app.trace").info("Task %(name)s done", {"name": "worker.confirm"})
    assert [line["event"] for line in lines(stream)] == ["Task worker.confirm done"]


def test_json_chooses_against_the_kind_of_stream():
    stream = Terminal()
    loglines.configure(stream=stream, json=True)
    logs.get("worker.x").info("parked")
    assert lines(stream)[0]["event"] == "parked"


def test_called_again_it_writes_each_line_once_and_to_the_new_stream():
    first, second = written(), written()
    loglines.configure(stream=second, level="warning")
    log = logs.get("worker.x")
    log.info("quiet")
    log.warning("loud")
    assert first.getvalue() == ""
    assert [line["event"] for line in lines(second)] == ["loud"]


def test_without_configure_a_line_suits_the_formats_of_the_process(caplog):
    with caplog.at_level("INFO"), logs.bind(job="j1"):
        logs.get("worker.x").info("published 100%", seller="acme")
    assert caplog.messages == ["published 100% seller='acme' job='j1'"]


def test_importing_it_loads_nothing_heavy():
    heavy = "celery kombu sqlalchemy pydantic requests structlog rich"
    code = f"import sys, worker.logs; print(*[m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

import subprocess
import sys

import pytest

from worker.cli.program import COMMANDS, NEEDED

HEAVY = {"celery", "kombu", "sqlalchemy", "pydantic", "requests", "rich"}


def loaded_by(*args):
    script = (
        "import sys, worker.cli\n"
        f"sys.argv = ['order-worker', *{args!r}]\n"
        "try:\n    worker.cli.main()\n"
        "finally:\n    print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("args", [("--help",), ("run", "--help"), ("enqueue", "--help")])
def test_help_loads_nothing_heavy(args):
    assert loaded_by(*args) & HEAVY == set()


def test_every_command_has_a_line_in_the_help(shop):
    told = shop.run("--help").output
    assert [name for name in COMMANDS if f"\n  {name} " not in told and name not in NEEDED] == []


def test_an_unknown_command_is_bad_input(shop):
    assert shop.run("nonsense").exit_code == 2


def test_a_bug_keeps_its_traceback(shop, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("worker.ledger.standings.quotas", broken)
    assert isinstance(shop.run("quotas").exception, ZeroDivisionError)


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_an_interruption_ends_with_the_code_of_its_signal(shop, monkeypatch, raised, code):
    def interrupted(*_):
        raise raised

    monkeypatch.setattr("worker.ledger.standings.quotas", interrupted)
    monkeypatch.setattr("worker.cli.failures._stop_writing", lambda: None)
    result = shop.run("quotas")
    assert (result.exit_code, result.output) == (code, "")


def test_neither_the_package_nor_the_other_commands_load_the_web_framework():
    script = "import worker, worker.app, worker.bootstrap, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert {b"fastapi", b"starlette", b"uvicorn", b"jinja2"} & set(done.stdout.split()) == set()

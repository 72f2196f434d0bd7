"""`order-worker prune`: what it would forget, the question, how far it came."""

import json
import os
import signal

import pytest

from worker.ledger.retention import pruning

ORDERS = [f"S01-1234567-{number:07}" for number in range(3)]
A_YEAR_AND_A_DAY = 366 * 86400
KEPT = "buyers' details are kept for 30 d, jobs for 365 d."


@pytest.fixture
def old(shop):
    """Three jobs that were withdrawn a year and a day ago."""
    for order in ORDERS:
        shop.run("withdraw", shop.asks("confirm", order, "--seller", "acme"))
    with shop.ledger.database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE order_worker_jobs SET finished_at = finished_at - {A_YEAR_AND_A_DAY}"  # noqa: S608
        )
    return shop


def test_a_dry_run_tells_what_would_go(old):
    result = old.run("prune", "--dry-run")
    assert result.stdout == f"3 jobs, 3 orders would be forgotten: {KEPT}\n"
    counts = {"details": 0, "jobs": 3, "orders": 3, "results": 0, "groups": 0, "chords": 0}
    assert json.loads(old.run("prune", "--dry-run", "--json").stdout) == {"dry_run": True, **counts}
    assert len(old.told("jobs")) == 3


def test_what_is_younger_stays(shop):
    shop.run("withdraw", shop.asks("confirm", ORDERS[0], "--seller", "acme"))
    result = shop.run("prune", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"nothing was forgotten: {KEPT}\n")


def test_a_terminal_is_asked(old, monkeypatch):
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = old.run("prune", stdin="n\n")
    assert "3 jobs, 3 orders" in result.stderr
    assert "Forget them for good? [y/N]: n" in result.stderr
    assert result.stderr.endswith("Nothing was forgotten.\n")
    assert len(old.told("jobs")) == 3
    assert old.run("prune", stdin="y\n").stdout == f"3 jobs, 3 orders were forgotten: {KEPT}\n"
    assert old.told("jobs") == []


def test_how_long_is_the_configurations(old, configured):
    def keep_jobs(text):
        path = configured()
        path.write_text(
            path.read_text().replace("worker = {", f'worker = {{ keep_jobs = "{text}",')
        )

    keep_jobs("400d")
    assert old.run("prune", "--yes").stdout.startswith("nothing was forgotten")
    keep_jobs("1h")
    result = old.run("prune", "--yes")
    assert result.exit_code == 2
    assert 'worker.keep_jobs = "1h": must be at least 1d' in result.stderr


def test_an_interrupt_ends_it_between_two_steps(old, monkeypatch):
    of_ledger = pruning.prune

    def prune(*words, **more):
        for step in of_ledger(*words, **more):
            os.kill(os.getpid(), signal.SIGTERM)
            yield step

    monkeypatch.setattr(pruning, "prune", prune)
    result = old.run("prune", "--yes")
    assert result.exit_code == 128 + signal.SIGTERM
    assert result.stderr == "interrupted: the rest is as it was.\n"
    assert result.stdout.startswith("nothing was forgotten")
    assert len(old.told("jobs")) == 3

"""In a wrong folder a command that only looks says so, and leaves nothing behind."""

import sqlite3

import pytest

ORDER = "S01-1234567-1234567"
LOOKING = {
    "jobs": (),
    "show": (ORDER,),
    "quotas": (),
    "retry": ("--state", "failed"),
    "withdraw": (ORDER,),
    "keep": (ORDER, "--seller", "acme"),
    "stale": ("--dry-run",),
    "verify": (),
    "prune": ("--dry-run",),
}
MAKING = {"confirm": (ORDER, "--seller", "acme"), "enqueue": ("requests.csv",), "migrate": ()}


def emptied(shop):
    """The ledger's folder, with no ledger in it."""
    for file in shop.directory.glob("ledger.db*"):
        file.unlink()
    return set(shop.directory.iterdir())


@pytest.mark.parametrize("command", LOOKING)
def test_without_a_ledger_a_command_that_looks_makes_none(shop, command):
    before = emptied(shop)
    result = shop.run(command, *LOOKING[command])
    assert result.exit_code == 3
    assert f"There is no ledger at sqlite:///{shop.directory}/ledger.db" in result.stderr
    assert result.stdout == ""
    assert set(shop.directory.iterdir()) == before


def test_a_check_finds_no_ledger_and_makes_none(shop):
    before = emptied(shop)
    result = shop.run("check")
    assert result.exit_code == 3
    assert "--  ledger: There is no ledger at" in result.stdout
    assert set(shop.directory.iterdir()) == before


@pytest.mark.parametrize("content", [b"", None])
def test_a_file_without_our_tables_is_no_ledger(shop, content):
    emptied(shop)
    path = shop.directory / "ledger.db"
    path.write_bytes(content if content is not None else _of_another_program(shop.directory))
    before = path.read_bytes()
    assert shop.run("jobs").exit_code == 3
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize("command", MAKING)
def test_a_command_that_records_or_migrates_makes_the_ledger(shop, monkeypatch, command):
    emptied(shop)
    shop.file("task,seller,order_id\n")
    monkeypatch.chdir(shop.directory)
    result = shop.run(command, *MAKING[command])
    assert result.exit_code == 0, result.output
    assert shop.run("jobs").exit_code == 0


def _of_another_program(directory):
    path = directory / "another.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (id INTEGER)")
    connection.close()
    content = path.read_bytes()
    path.unlink()
    return content

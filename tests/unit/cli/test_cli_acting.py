import json
import os
import signal

import pytest
from terminals import on_terminal

from worker.errors import LedgerUnavailable
from worker.ledger import withdrawals

ORDERS = [f"S01-1234567-{number:07}" for number in range(12)]


@pytest.fixture
def waiting(shop):
    """The ids of a dozen jobs that wait, the oldest first."""
    return [shop.asks("confirm", order, "--seller", "acme") for order in ORDERS]


def states(shop):
    """The jobs' states, the oldest first."""
    return [job["state"] for job in shop.told("jobs")][::-1]


def withdraw(monkeypatch, before):
    """Let something happen before the job of this number is withdrawn."""
    of_ledger, called = withdrawals.withdraw, []

    def withdraw(ledger, job_id, *words):
        called.append(job_id)
        before(len(called))
        return of_ledger(ledger, job_id, *words)

    monkeypatch.setattr(withdrawals, "withdraw", withdraw)


def test_a_terminal_shows_the_first_ones_and_how_many_more_and_asks(shop, waiting, monkeypatch):
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = shop.run("withdraw", "--seller", "acme", stdin="n\n")
    shown = result.stderr.splitlines()
    assert [line.split()[0] for line in shown[1:11]] == [job[:8] for job in waiting[:10]]
    assert shown[11:] == ["… and 2 more", "Withdraw 12 jobs? [y/N]: n", "Nothing was withdrawn."]
    assert (result.exit_code, result.stdout) == (0, "")
    assert set(states(shop)) == {"waiting"}


def test_yes_is_an_answer_and_the_end_says_how_many(shop, waiting, monkeypatch):
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = shop.run("withdraw", "--seller", "acme", stdin="y\n")
    assert result.stdout == "".join(
        f"{job}  {order}  withdrawn\n" for job, order in zip(waiting, ORDERS, strict=True)
    )
    assert result.stderr.endswith("12 of 12 jobs withdrawn.\n")


def test_a_dry_run_lists_them_and_does_nothing(shop, waiting):
    result = shop.run("withdraw", "--seller", "acme", "--dry-run")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [j[:8] for j in waiting]
    assert result.stderr == "12 jobs would be withdrawn, as far as their state lets them.\n"
    told = shop.told("withdraw", "--seller", "acme", "--dry-run")
    assert told == [
        {"id": job, "order_id": order, "result": None}
        for job, order in zip(waiting, ORDERS, strict=True)
    ]
    assert set(states(shop)) == {"waiting"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_present_one_end_and_says_how_far_it_came(
    shop, waiting, monkeypatch, number
):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    withdraw(monkeypatch, lambda count: count == 3 and os.kill(os.getpid(), number))
    result = shop.run("withdraw", *waiting)
    assert result.exit_code == 128 + number
    assert result.stderr == ("interrupted: 3 of 12 jobs withdrawn, the other 9 are as they were.\n")
    assert states(shop) == ["withdrawn"] * 3 + ["waiting"] * 9
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_interrupted_as_json_the_array_is_whole_and_the_same_command_goes_on(
    shop, waiting, monkeypatch
):
    withdraw(monkeypatch, lambda count: count == 3 and os.kill(os.getpid(), signal.SIGINT))
    result = shop.run("withdraw", "--state", "waiting", "--json")
    assert [each["id"] for each in json.loads(result.stdout)] == waiting[:3]
    assert [each["id"] for each in shop.told("withdraw", "--state", "waiting")] == waiting[3:]


def test_a_second_signal_does_not_wait(shop, waiting, monkeypatch):
    def twice(count):
        if count == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    withdraw(monkeypatch, twice)
    result = shop.run("withdraw", *waiting)
    assert result.exit_code == 130
    assert result.stderr == (
        "interrupted: 2 of 12 jobs withdrawn, of 1 it is not known, the other 9 are as they were.\n"
    )
    assert states(shop).count("withdrawn") == 2


def test_a_ledger_that_goes_away_is_told_with_how_far_it_came(shop, waiting, monkeypatch):
    def away(count):
        if count == 3:
            raise LedgerUnavailable("The ledger is away.")

    withdraw(monkeypatch, away)
    result = shop.run("withdraw", *waiting)
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "interrupted: 2 of 12 jobs withdrawn, of 1 it is not known, the other 9 are as they were.",
        "The ledger is away.",
    ]


def test_those_that_could_not_be_are_counted(shop, waiting):
    shop.run("withdraw", waiting[0])
    succeeded = shop.asks("cancel", ORDERS[1], "--seller", "acme", "--reason", "x")
    from sqlalchemy import update

    from worker.ledger.schema import jobs

    with shop.ledger.database.write() as connection:
        one = update(jobs).where(jobs.c.id == succeeded)
        connection.execute(one.values(state="succeeded", ready=False))
    result = shop.run("withdraw", *waiting[:2], succeeded)
    assert result.exit_code == 1
    assert result.stderr == "2 of 3 jobs withdrawn, 1 could not be.\n"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--task", "cancel"), 12),
        (("--task", "confirm", "--state", "waiting", "--since", "24h"), 0),
        (("--seller", "acme", "--limit", "4"), 8),
        (("--order", ORDERS[0]), 11),
        (("--until", "1h"), 12),
        (("--waiting-for", "turn"), 0),
        (("--waiting-for", "buyer"), 12),
    ],
)
def test_jobs_are_described_by_options(shop, waiting, options, left):
    assert shop.run("withdraw", *options).exit_code == 0
    assert states(shop) == ["withdrawn"] * (12 - left) + ["waiting"] * left


@pytest.mark.parametrize("words", [(), ("abcd", "--seller", "acme"), ("abcd", "--limit", "1")])
def test_jobs_are_named_or_described_and_never_both(shop, words):
    result = shop.run("withdraw", *words)
    assert result.exit_code == 2
    assert "Name jobs, or describe them with --seller" in result.stderr


def test_a_real_terminal_shows_what_was_told_and_how_many(shop, waiting):
    shown = on_terminal("withdraw", "--seller", "acme", "--yes")
    assert all(f"{job}  S01-1234567" in shown for job in waiting)
    assert "12 of 12 jobs withdrawn." in shown
    assert set(states(shop)) == {"withdrawn"}

import pytest
from sqlalchemy import update

from worker.ledger.schema import jobs

ORDER = "S01-1234567-1234567"
OTHER = "S01-1234567-7654321"


def set_job(shop, job_id, **values):
    with shop.ledger.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def test_a_job_that_waits_is_withdrawn_by_a_person_with_a_reason(shop, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    result = shop.run("withdraw", job[:8], "--why", "sold out")
    assert (result.exit_code, result.stdout) == (0, f"{job}  {ORDER}  withdrawn\n")
    last = shop.told("show", job)["transitions"][-1]
    assert (last["to"], last["actor"], last["why"]) == ("withdrawn", "somebody", "sold out")


def test_withdrawing_twice_changes_nothing_and_is_no_error(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    shop.run("withdraw", job)
    result = shop.run("withdraw", job)
    assert (result.exit_code, result.stdout) == (0, f"{job}  {ORDER}  was withdrawn before\n")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "running"}, "a worker has it now"),
        ({"state": "in_doubt"}, "a request may have been applied"),
        ({"state": "succeeded"}, "it has succeeded"),
        ({"state": "failed"}, "it has ended as failed"),
        ({"state": "waiting", "effect": "possible"}, "a request may have been applied"),
        ({"state": "waiting", "effect": "applied"}, "it has been applied"),
    ],
)
def test_what_cannot_be_withdrawn_says_why_and_ends_with_1(shop, values, said):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    set_job(shop, job, ready=False, **values)
    result = shop.run("withdraw", job)
    assert result.exit_code == 1
    assert f"{job}  {ORDER}  not withdrawn: {said}" in result.stdout


def test_an_unknown_job_is_bad_input_and_the_others_are_withdrawn(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    result = shop.run("withdraw", "nothing", job)
    assert result.exit_code == 2
    assert "'nothing' is no job" in result.stderr
    assert f"{job}  {ORDER}  withdrawn" in result.stdout


def test_many_are_asked_about_on_a_terminal_only(shop, monkeypatch):
    both = [shop.asks("confirm", order, "--seller", "acme") for order in (ORDER, OTHER)]
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = shop.run("withdraw", *both, stdin="n\n")
    assert "Withdraw 2 jobs?" in result.stderr
    assert {job["state"] for job in shop.told("jobs")} == {"waiting"}
    shop.run("withdraw", *both, "--yes")
    assert {job["state"] for job in shop.told("jobs")} == {"withdrawn"}


def test_many_are_withdrawn_unasked_by_a_script(shop):
    both = [shop.asks("confirm", order, "--seller", "acme") for order in (ORDER, OTHER)]
    assert shop.run("withdraw", *both).exit_code == 0
    assert {job["state"] for job in shop.told("jobs")} == {"withdrawn"}


def test_of_those_that_are_described_only_what_can_be_withdrawn_is_meant(shop):
    ended, applied, waits = (
        shop.asks("confirm", f"S01-1234567-000000{number}", "--seller", "acme")
        for number in range(3)
    )
    set_job(shop, ended, state="succeeded", ready=False)
    set_job(shop, applied, effect="applied", ready=False)
    result = shop.run("withdraw", "--seller", "acme", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"{waits}  S01-1234567-0000002  withdrawn\n")
    assert shop.run("withdraw", "--seller", "acme", "--yes").exit_code == 0

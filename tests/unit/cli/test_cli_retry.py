import json
import os
import signal

import pytest
from sqlalchemy import update
from terminals import on_terminal

from worker import bootstrap
from worker.ledger import retries
from worker.ledger.schema import jobs, transitions

ORDERS = [f"S01-1234567-{number:07}" for number in range(4)]
EXHAUSTED = {
    "kind": "attempts_exhausted",
    "code": None,
    "message": "connection refused",
    "advice": "Retry the job once the provider answers again.",
}
UNKNOWN = {"kind": "outcome_unknown", "code": "E006", "message": "no answer", "advice": None}


def fail(shop, order, task="confirm", error=EXHAUSTED, **values):
    """A job as it stands when it was given up."""
    job = shop.asks(task, order, "--seller", "acme")
    with shop.ledger.database.write() as connection:
        now = shop.ledger.database.now(connection)
        ended = {"state": "failed", "waiting_for": None, "ready": False, "holds_key": False}
        ended |= {"error": error, "finished_at": now, **values}
        connection.execute(update(jobs).where(jobs.c.id == job).values(**ended))
        went = {"at": now, "job_id": job, "subject": "job", "old": "waiting", "new": "failed"}
        connection.execute(transitions.insert(), went | {"actor": "worker"})
    return job


def states(shop):
    return [job["state"] for job in shop.told("jobs")][::-1]


def test_a_failed_job_is_retried_by_a_person_with_a_reason(shop, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    job = fail(shop, ORDERS[0])
    result = shop.run("retry", job[:8], "--why", "the provider is back")
    said = f"{job}  {ORDERS[0]}  retried\n"
    assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")
    told = shop.told("show", job)
    assert (told["state"], told["error"], told["finished_at"]) == ("waiting", None, None)
    assert told["transitions"][-1]["actor"] == "somebody"
    assert (
        "retried by somebody (the provider is back; it had failed: attempts_exhausted,"
        " connection refused)"
    ) in shop.run("show", job).stdout


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "succeeded"}, "it has succeeded; to do the same once more"),
        ({"state": "rejected"}, "remedy what the provider refused"),
        ({"state": "running"}, "a worker has it now"),
    ],
)
def test_what_cannot_be_retried_says_why_and_ends_with_1(shop, values, said):
    job = fail(shop, ORDERS[0], **values)
    result = shop.run("retry", job)
    assert result.exit_code == 1
    assert f"{job}  {ORDERS[0]}  not retried: " in result.stdout
    assert said in result.stdout


def test_a_newer_job_is_named(shop):
    job = fail(shop, ORDERS[0])
    newer = shop.asks("confirm", ORDERS[0], "--seller", "acme")
    assert f"not retried: job {newer} has taken its place" in shop.run("retry", job).stdout


def test_an_unknown_job_is_bad_input_and_the_others_are_retried(shop):
    job = fail(shop, ORDERS[0])
    result = shop.run("retry", "nothing", job)
    assert result.exit_code == 2
    assert "'nothing' is no job" in result.stderr
    assert f"{job}  {ORDERS[0]}  retried" in result.stdout


@pytest.mark.parametrize(
    "words", [(), ("--limit", "3"), ("0123", "--since", "1h"), ("0123", "--limit", "3")]
)
def test_jobs_are_named_or_described_and_never_both(shop, words):
    result = shop.run("retry", *words)
    assert result.exit_code == 2
    assert "Name jobs, or describe them" in result.stderr


@pytest.mark.parametrize(("since", "said"), [("soon", "'soon': must be a duration"), ("0s", "0s")])
def test_a_duration_is_written_as_in_the_configuration(shop, since, said):
    result = shop.run("retry", "--since", since)
    assert result.exit_code == 2
    assert said in result.stderr


def test_all_that_are_described_are_retried_and_the_command_says_what_they_are(shop):
    now = 1.0e9
    fail(shop, ORDERS[0], finished_at=now)
    fail(shop, ORDERS[1])
    fail(shop, ORDERS[2], error=UNKNOWN, effect="possible")
    fail(shop, ORDERS[3], task="cancel")
    result = shop.run("retry", "--task", "confirm", "--state", "failed", "--since", "24h")
    assert result.exit_code == 0
    assert result.stderr == (
        "2 jobs to retry: 1 attempts_exhausted, 1 outcome_unknown (looked up first).\n"
        "2 of 2 jobs retried.\n"
    )
    assert states(shop) == ["failed", "waiting", "waiting", "failed"]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("--seller", "mall"), 3),
        (("--seller", "acme", "--limit", "2"), 1),
        (("--task", "cancel"), 3),
        (("--state", "failed"), 0),
    ],
)
def test_by_seller_task_and_number(shop, words, left):
    for order in ORDERS[:3]:
        fail(shop, order)
    assert shop.run("retry", *words).exit_code == 0
    assert states(shop).count("failed") == left


def test_what_a_newer_job_has_superseded_is_left_out_and_counted(shop):
    fail(shop, ORDERS[0])
    shop.asks("confirm", ORDERS[0], "--seller", "acme")
    result = shop.run("retry", "--task", "confirm")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "0 jobs to retry.\n1 job left out: a newer job has taken the place of each.\n"
    )


def test_many_are_asked_about_on_a_terminal_only(shop, monkeypatch):
    for order in ORDERS[:2]:
        fail(shop, order)
    monkeypatch.setattr("worker.cli.session.somebody_answers", lambda: True)
    result = shop.run("retry", "--task", "confirm", stdin="n\n")
    assert "Retry 2 jobs?" in result.stderr
    assert "Nothing was retried." in result.stderr
    assert states(shop) == ["failed", "failed"]
    assert shop.run("retry", "--task", "confirm", "--yes").exit_code == 0
    assert states(shop) == ["waiting", "waiting"]


def test_as_json_it_is_one_array(shop):
    ids = [fail(shop, order) for order in ORDERS[:2]]
    told = json.loads(shop.run("retry", "--task", "confirm", "--json").stdout)
    assert told == [
        {"id": job, "order_id": order, "result": "retried"}
        for job, order in zip(ids, ORDERS[:2], strict=True)
    ]


def test_an_interrupt_ends_it_between_two_jobs_and_it_says_how_far_it_came(shop, monkeypatch):
    ids = [fail(shop, order) for order in ORDERS]
    done = []
    of_ledger = retries.retry

    def retry(ledger, job_id, **words):
        if len(done) == 1:
            os.kill(os.getpid(), signal.SIGINT)  # in the midst of the second job
        done.append(job_id)
        return of_ledger(ledger, job_id, **words)

    monkeypatch.setattr(retries, "retry", retry)
    before = signal.getsignal(signal.SIGINT)
    result = shop.run("retry", "--task", "confirm")
    assert result.exit_code == 130
    assert "interrupted: 2 of 4 jobs retried, the other 2 are as they were." in result.stderr
    assert done == ids[:2]
    assert states(shop) == ["waiting", "waiting", "failed", "failed"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_ledger_that_goes_away_midway_is_told_with_how_far_it_came(shop, monkeypatch):
    from worker.errors import LedgerUnavailable

    for order in ORDERS[:3]:
        fail(shop, order)
    answers = iter([retries.Retried(None)])

    def retry(*_args, **_words):
        for answer in answers:
            return answer
        raise LedgerUnavailable("The ledger cannot be reached.")

    monkeypatch.setattr(retries, "retry", retry)
    result = shop.run("retry", "--task", "confirm")
    assert result.exit_code == 3
    assert "1 of 3 jobs retried, of 1 it is not known, the other 1 is as it was." in result.stderr
    assert "The ledger cannot be reached." in result.stderr


# jobs --needs-attention


def test_what_needs_somebody_is_listed_with_what_to_do(shop):
    advice = "Set the order total (SetOrderReferenceDetails)."
    constraints = {"kind": "rejected", "code": "ConstraintsExist", "message": "AmountNotSet"}
    job = fail(shop, ORDERS[0], state="rejected", error=constraints | {"advice": advice})
    unknown = fail(shop, ORDERS[1], error=UNKNOWN, effect="possible")
    shop.asks("confirm", ORDERS[2], "--seller", "acme")
    lines = shop.run("jobs", "--needs-attention").stdout.splitlines()
    assert lines[0].startswith(f"{unknown[:8]}  confirm {ORDERS[1]} of acme: failed, ")
    assert lines[1] == "          E006: no answer"
    assert lines[2].startswith("          to do: Look the order up at the provider")
    assert lines[3].startswith(f"{job[:8]}  confirm {ORDERS[0]} of acme: rejected, ")
    assert lines[4:] == ["          ConstraintsExist: AmountNotSet", f"          to do: {advice}"]
    told = shop.told("jobs", "--needs-attention")
    assert [each["id"] for each in told] == [unknown, job]
    assert told[1]["to_do"] == told[1]["error"]["advice"] == advice


def test_what_the_schedule_will_retry_is_left_to_it(shop, monkeypatch):
    fail(shop, ORDERS[0])
    often = fail(shop, ORDERS[1], retries=2)
    assert len(shop.told("jobs", "--needs-attention")) == 2
    monkeypatch.setenv("ORDER_WORKER_RETRY__AT_MOST", "2")
    bootstrap.settings.cache_clear()
    bootstrap._runtime.cache_clear()
    assert [job["id"] for job in shop.told("jobs", "--needs-attention")] == [often]


def test_it_goes_with_the_other_filters(shop):
    fail(shop, ORDERS[0])
    job = fail(shop, ORDERS[1], task="cancel")
    told = shop.told("jobs", "--needs-attention", "--task", "cancel")
    assert [each["id"] for each in told] == [job]


def test_an_open_job_that_waits_for_somebody_is_among_them(shop):
    fail(shop, ORDERS[0], state="waiting", waiting_for="buyer", error=None, finished_at=None)
    told = shop.run("jobs", "--needs-attention").stdout
    assert "waiting: buyer, " in told
    assert "to do: The buyer has to authenticate the payment" in told


def test_that_nobody_is_needed_is_said(shop):
    shop.asks("confirm", ORDERS[0], "--seller", "acme")
    result = shop.run("jobs", "--needs-attention")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No job needs a person or the buyer.\n"
    assert shop.told("jobs", "--needs-attention") == []


def test_on_a_real_terminal_yes_is_an_answer(shop):
    for order in ORDERS[:2]:
        fail(shop, order)
    shown = on_terminal("retry", "--task", "confirm", "--yes")
    assert "2 jobs to retry: 2 attempts_exhausted." in shown
    assert "2 of 2 jobs retried." in shown

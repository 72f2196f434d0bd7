import itertools
import json
import sys

import pytest
from sqlalchemy import update

from worker import broker
from worker.ledger.schema import jobs

ORDER = "S01-1234567-1234567"
OTHER = "S01-1234567-7654321"


def set_job(shop, job_id, **values):
    with shop.ledger.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def test_a_confirm_tells_the_job_and_its_state(shop):
    result = shop.run("confirm", ORDER, "--seller", "acme")
    (job,) = shop.told("jobs")
    assert result.exit_code == 0
    assert result.stdout == f"{ORDER}  {job['id']}  waiting: turn\n"


def test_several_orders_make_a_line_each(shop):
    result = shop.run("confirm", ORDER, OTHER, "--seller", "acme")
    assert [line.split()[0] for line in result.stdout.splitlines()] == [ORDER, OTHER]


def test_what_is_asked_here_goes_behind_the_checkout(shop):
    assert shop.told("confirm", ORDER, "--seller", "acme")[0]["priority"] == 10
    assert shop.told("confirm", OTHER, "--seller", "acme", "--priority", "0")[0]["priority"] == 0


def test_asking_twice_says_so_and_gives_the_same_job(shop):
    first = shop.asks("confirm", ORDER, "--seller", "acme")
    again = shop.run("confirm", ORDER, "--seller", "acme")
    assert first in again.stdout
    assert again.stdout.endswith("  (asked before)\n")
    assert len(shop.told("jobs")) == 1


def test_after_a_success_it_is_said_how_to_ask_anew(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    set_job(shop, job, state="succeeded", waiting_for=None, ready=False)
    again = shop.run("confirm", ORDER, "--seller", "acme")
    assert again.stdout.endswith("(asked before; --again asks anew after a success)\n")
    assert shop.asks("confirm", ORDER, "--seller", "acme", "--again") != job


def test_the_words_of_a_cancel_reach_the_job(shop):
    (job,) = shop.told(
        "cancel", "10937342", "--seller", "mall", "--reason", "SHORTAGE",
        "--reason-detail", "none left", "--parent-order-id", "4711",
    )  # fmt: skip
    said = (job["task"], job["reason"], job["reason_detail"], job["parent_order_id"])
    assert said == ("cancel", "SHORTAGE", "none left", "4711")


def test_a_cancel_that_could_not_be_looked_up_says_so_and_is_recorded(shop):
    asked = ("cancel", "10937342", "--seller", "mall", "--reason", "SHORTAGE")
    result = shop.run(*asked)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert result.stderr.startswith("1 request has no parent_order_id: the item cannot be looked")
    other = shop.run("cancel", "10937343", *asked[2:], "--parent-order-id", "4711")
    assert (other.exit_code, other.stderr) == (0, "")


def test_one_bad_order_keeps_all_of_them_out(shop):
    result = shop.run("confirm", ORDER, "nonsense", "--seller", "acme")
    assert result.exit_code == 2
    assert result.stderr.startswith("nonsense: order_id: ")
    assert result.stderr.endswith("\nNothing was recorded.\n")
    assert shop.told("jobs") == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("confirm", ORDER, "--seller", "nobody"), "seller: 'nobody' is not configured"),
        (("confirm", ORDER), "--seller"),
        (("confirm", "--seller", "acme"), "ORDER_ID"),
        (("confirm", ORDER, OTHER, "--seller", "acme", "--key", "k"), "--key names one request"),
        (("confirm", ORDER, "--seller", "acme", "--priority", "99999999999"), "priority"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(shop, args, said):
    result = shop.run(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_key_of_another_request_is_refused(shop):
    shop.asks("confirm", ORDER, "--seller", "acme", "--key", "k")
    result = shop.run("confirm", OTHER, "--seller", "acme", "--key", "k")
    assert result.exit_code == 2
    assert "'k' belongs to job" in result.stderr


def test_waiting_ends_with_1_when_a_job_did_not_succeed(shop, monkeypatch):
    def withdrawn_meanwhile(_):
        (job,) = shop.told("jobs")
        shop.run("withdraw", job["id"], "--why", "sold out")

    monkeypatch.setattr("worker.cli.following.time.sleep", withdrawn_meanwhile)
    result = shop.run("confirm", ORDER, "--seller", "acme", "--wait")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith("withdrawn (sold out)")


def test_ctrl_c_while_waiting_leaves_the_job_and_says_so(shop, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("worker.cli.following.time.sleep", interrupted)
    result = shop.run("confirm", ORDER, "--seller", "acme", "--wait")
    assert result.exit_code == 130
    assert "the jobs go on" in result.stderr
    assert shop.told("jobs")[0]["state"] == "waiting"


def told_while_waiting(shop, monkeypatch, **found):
    """What `--wait` says on standard error until its job is withdrawn, after a minute."""
    clock = itertools.count(0.0, 1.0)
    monkeypatch.setattr("worker.cli.following.time.monotonic", lambda: next(clock))

    def a_second(_):
        (job,) = shop.told("jobs")
        if next(clock) > 60:
            set_job(shop, job["id"], state="withdrawn", waiting_for=None, ready=False)
        elif found:
            set_job(shop, job["id"], **found)

    monkeypatch.setattr("worker.cli.following.time.sleep", a_second)
    return shop.run("confirm", ORDER, "--seller", "acme", "--wait").stderr


def test_to_wait_without_a_worker_asks_once_whether_there_is_one(shop, monkeypatch):
    assert told_while_waiting(shop, monkeypatch) == (
        "No worker has taken it yet: is `order-worker run` running?\n"
    )


@pytest.mark.parametrize(
    "found", [{"state": "running"}, {"ready": False, "waiting_for": "credentials"}]
)
def test_to_wait_for_what_a_worker_has_seen_asks_nothing(shop, monkeypatch, found):
    assert told_while_waiting(shop, monkeypatch, **found) == ""


def test_a_broker_that_is_down_is_one_line_and_the_jobs_are_recorded(shop, monkeypatch):
    def down(*_, **__):
        raise OSError("nobody listens")

    from worker.app import app

    monkeypatch.setattr(broker, "reaches_a_worker", lambda _: True)
    monkeypatch.setattr("celery.Task.apply_async", down)
    assert app.tasks
    result = shop.run("confirm", ORDER, OTHER, "--seller", "acme")
    assert result.exit_code == 0
    assert result.stderr == (
        "The broker cannot be reached: recorded all the same; workers look into the ledger.\n"
    )
    assert len(shop.told("jobs")) == 2


def test_a_library_that_the_broker_lacks_is_named(shop, configured, monkeypatch):
    def lacking(*_, **__):
        raise ImportError("no module named redis")

    configured(broker="redis://127.0.0.1:1/0")
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setattr(broker, "reaches_a_worker", lambda _: True)
    monkeypatch.setattr("celery.Task.apply_async", lacking)
    result = shop.run("confirm", ORDER, "--seller", "acme")
    assert result.exit_code == 0
    assert "(redis)" in result.stderr
    assert "[redis]'. It is recorded all the same" in result.stderr


def test_json_is_one_array_of_jobs(shop):
    result = shop.run("confirm", ORDER, OTHER, "--seller", "acme", "--json")
    assert [job["order_id"] for job in json.loads(result.stdout)] == [ORDER, OTHER]

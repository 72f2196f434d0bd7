import re
import time

import pytest
from sqlalchemy import update

from worker.ledger.schema import buckets, jobs

ORDER = "S01-1234567-1234567"
OTHER = "S01-1234567-7654321"
WORDS = [
    "id",
    "task",
    "seller",
    "order_id",
    "parent_order_id",
    "reason",
    "reason_detail",
    "priority",
    "state",
    "waiting_for",
    "effect",
    "attempt_count",
    "attempts",
    "accepted_at",
    "due_at",
    "expected_at",
    "expected_basis",
    "finished_at",
    "worker",
    "lease_until",
    "receipt",
    "error",
    "transitions",
]
BUYER = {"name": "Somebody Real", "line": "1 Some Street"}


def write(shop, table, condition, **values):
    with shop.ledger.database.write() as connection:
        assert connection.execute(update(table).where(condition).values(**values)).rowcount


def succeed(shop, job_id):
    receipt = {"order_id": ORDER, "basis": "own", "order_state": "Open", "details": BUYER}
    write(shop, jobs, jobs.c.id == job_id, state="succeeded", ready=False, receipt=receipt)


def test_a_job_as_json_has_the_words_of_the_design(shop):
    shop.asks("confirm", ORDER, "--seller", "acme")
    (job,) = shop.told("jobs")
    assert list(job) == WORDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", job["accepted_at"])
    (accepted,) = job["transitions"]
    assert (accepted["from"], accepted["to"], accepted["actor"]) == (
        None,
        "waiting",
        "command line",
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--seller", "mall"), ["10937342"]),
        (("--task", "confirm"), [OTHER, ORDER]),
        (("--state", "withdrawn"), [OTHER]),
        (("--state", "withdrawn", "--state", "waiting"), ["10937342", OTHER, ORDER]),
        (("--order", ORDER), [ORDER]),
        (("--limit", "1"), ["10937342"]),
        (("--state", "failed"), []),
    ],
)
def test_jobs_are_filtered_and_the_newest_comes_first(shop, filters, found):
    shop.asks("confirm", ORDER, "--seller", "acme")
    shop.run("withdraw", shop.asks("confirm", OTHER, "--seller", "acme"))
    shop.asks("cancel", "10937342", "--seller", "mall", "--reason", "SHORTAGE")
    assert [job["order_id"] for job in shop.told("jobs", *filters)] == found


def test_the_next_page_begins_before_the_last_job(shop):
    ids = [shop.asks("confirm", f"S01-1234567-{n:07}", "--seller", "acme") for n in range(3)]
    (newest,) = shop.told("jobs", "--limit", "1")
    older = shop.told("jobs", "--before", newest["id"])
    assert [newest["id"], *(job["id"] for job in older)] == ids[::-1]


def test_lists_never_have_the_buyers_details_and_show_has_them_as_json_only(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    succeed(shop, job)
    assert shop.told("show", job)["receipt"]["details"] == BUYER
    assert "details" not in shop.told("jobs")[0]["receipt"]
    for printed in (shop.run("jobs"), shop.run("jobs", "--json"), shop.run("show", job)):
        assert "Some" not in printed.output


def test_a_receipt_that_is_not_whole_yet_is_not_shown(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    write(shop, jobs, jobs.c.id == job, receipt={"details": BUYER})
    assert shop.told("show", job)["receipt"] is None


def test_a_job_is_shown_by_its_id_or_the_beginning_of_it(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    assert shop.told("show", job)["id"] == shop.told("show", job[:8])["id"] == job


def test_a_beginning_that_fits_several_jobs_is_refused_with_their_ids(shop):
    both = {"aaaa-1": ORDER, "aaaa-2": OTHER}
    for job_id, order_id in both.items():
        made = shop.asks("cancel", order_id, "--seller", "acme", "--reason", "x")
        with shop.ledger.database.write() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            connection.execute(update(jobs).where(jobs.c.id == made).values(id=job_id))
            sql = "UPDATE order_worker_transitions SET job_id = ? WHERE job_id = ?"
            connection.exec_driver_sql(sql, (job_id, made))
    result = shop.run("show", "aaaa")
    assert result.exit_code == 2
    assert all(job_id in result.stderr for job_id in both)


def test_an_order_is_shown_with_all_its_jobs_the_oldest_first(shop):
    first = shop.asks("confirm", ORDER, "--seller", "acme")
    second = shop.asks("cancel", ORDER, "--seller", "acme", "--reason", "x")
    assert [job["id"] for job in shop.told("show", ORDER)] == [first, second]
    told = shop.run("show", ORDER).stdout
    assert told.index(f"confirm {ORDER}") < told.index(f"cancel {ORDER}")


def test_what_is_not_there_is_bad_input(shop):
    result = shop.run("show", "nothing")
    assert (result.exit_code, result.stdout) == (2, "")


def waits(shop, **bucket):
    shop.asks("confirm", ORDER, "--seller", "acme")
    told = shop.told("quotas")
    spec = next(s for s in shop.ledger.routes.all() if s.operation == "ConfirmOrderReference")
    assert len(told) == len(shop.ledger.routes.all())
    from worker.ledger import quotas

    with shop.ledger.database.write() as connection:
        quotas.ensure(shop.ledger.database, connection, [spec])
    write(shop, buckets, buckets.c.key == spec.key, **bucket)
    quota = next(q for q in shop.told("quotas") if q["operation"] == spec.operation)
    return shop.told("jobs")[0]["waiting_for"], quota


def test_a_ready_job_waits_for_its_turn(shop):
    waiting_for, quota = waits(shop, level=3.0)
    assert (waiting_for, quota["ready"], quota["closed_for"]) == ("turn", 1, None)


def test_a_ready_job_of_an_empty_bucket_waits_for_quota(shop):
    waiting_for, quota = waits(shop, level=0.0, rate=0.001)
    assert waiting_for == "quota"
    assert 0 <= quota["tokens"] < 1


@pytest.mark.parametrize("why", ["throttle", "backoff", "credentials"])
def test_a_ready_job_of_a_closed_bucket_waits_for_what_closed_it(shop, why):
    waiting_for, quota = waits(shop, closed_for=why, open_at=4e9)
    assert (waiting_for, quota["closed_for"]) == (why, why)
    assert quota["open_at"] == "2096-10-02T07:06:40.000Z"


def test_a_job_in_doubt_waits_for_a_lookup(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    write(shop, jobs, jobs.c.id == job, state="in_doubt", waiting_for=None, ready=False)
    assert shop.told("show", job)["waiting_for"] == "lookup"
    assert "a request may have been applied" in shop.run("show", job).stdout


def test_a_running_job_says_who_holds_it_and_until_when(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    held = {"worker": "host:7:c0ffee", "lease_until": 4e9}
    write(shop, jobs, jobs.c.id == job, **held)
    assert {name: shop.told("show", job)[name] for name in held} == dict.fromkeys(held)
    write(shop, jobs, jobs.c.id == job, state="running", waiting_for=None, ready=False)
    told = shop.told("show", job)
    assert (told["worker"], told["lease_until"]) == ("host:7:c0ffee", "2096-10-02T07:06:40.000Z")
    assert "host:7:c0ffee until 2096-10-02 07:06Z" in shop.run("jobs").stdout
    assert (
        "host:7:c0ffee has it now, its lease lasts until 2096-10-02 07:06:40"
        in shop.run("show", job).stdout
    )


def test_quotas_are_shown_before_anything_was_sent(shop):
    quotas = shop.told("quotas")
    assert {(quota["seller"], quota["operation"]) for quota in quotas} >= {
        ("acme", "ConfirmOrderReference"),
        ("mall", "SetStatusToCanceled"),
    }
    assert all(quota["tokens"] == quota["capacity"] for quota in quotas)
    assert "ConfirmOrderReference" in shop.run("quotas").stdout


def test_a_seller_that_is_not_configured_is_told_and_its_old_jobs_are_listed(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    write(shop, jobs, jobs.c.id == job, seller="former")
    result = shop.run("jobs", "--seller", "former")
    assert (result.exit_code, ORDER in result.stdout) == (0, True)
    assert result.stderr == "The seller former is not configured; there are acme, mall.\n"
    assert shop.run("jobs", "--seller", "acme").stderr == ""


def test_what_is_assumed_of_quotas_is_a_line_below_them(shop, configured):
    path = configured()
    path.write_text(path.read_text().partition("[sellers.mall.quotas")[0])
    last = shop.run("quotas").stdout.splitlines()[-1]
    assert last == "Assumed, since the provider publishes no numbers: mall."


def test_control_characters_of_the_data_do_not_reach_the_screen(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    write(shop, jobs, jobs.c.id == job, order_id="S01\x1b[2J[red]\n")
    for printed in (shop.run("jobs").stdout, shop.run("show", job).stdout):
        assert "S01\ufffd[2J[red]\ufffd" in printed


def test_an_order_says_who_kept_it_and_who_released_it(shop, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    shop.asks("confirm", ORDER, "--seller", "acme")
    shop.run("keep", ORDER, "--seller", "acme", "--why", "on its way")
    shop.run("keep", ORDER, "--seller", "acme", "--release")
    kept, released = shop.run("show", ORDER).stdout.splitlines()[-2:]
    assert kept.endswith(f"order {ORDER} of acme: kept by somebody (on its way)")
    assert released.endswith(f"order {ORDER} of acme: released by somebody")


NOBODY = "Jobs wait that could run, and no worker takes them: is `order-worker run` running?\n"


def test_of_jobs_that_nobody_takes_one_line_asks_for_a_worker(shop):
    job = shop.asks("confirm", ORDER, "--seller", "acme")
    assert shop.run("jobs").stderr == shop.run("show", job).stderr == ""
    write(shop, jobs, jobs.c.id == job, accepted_at=1e9, due_at=1e9)
    for args in (("jobs",), ("show", job), ("jobs", "--json"), ("show", job, "--json")):
        result = shop.run(*args)
        assert (result.exit_code, result.stderr) == (0, NOBODY)
    write(shop, jobs, jobs.c.id == job, finished_at=2e9)
    assert shop.run("show", job).stderr == ""


def test_quotas_show_the_learned_rate_with_its_evidence(shop):
    soon = time.time() + 60.0  # else it would be on its way back
    learned = {"slowed_to": 20.0, "learned_rate": 20.0, "learned_at": soon, "level_at": soon}
    _, quota = waits(shop, level=0.0, learned_from="503 RequestThrottled", **learned)
    assert (quota["learned_rate"], quota["learned_from"]) == (20.0, "503 RequestThrottled")
    assert quota["learned_at"] is not None
    line = f"20 a second are free, not {quota['restore_rate']:g}: 503 RequestThrottled at 2"
    assert line in shop.run("quotas").stdout

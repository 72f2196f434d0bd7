"""The command line as people and scripts have it: real processes, real exit codes."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys

import pytest
from processes import until

ORDER = "S01-1234567-1234567"


def order(number):
    return f"S01-7654321-{number:07}"


def csv_of(numbers):
    return "task,seller,order_id\n" + "".join(f"confirm,acme,{order(n)}\n" for n in numbers)


def said(done):
    """The sentence on standard error; there is never a traceback."""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_file_is_enqueued_worked_off_and_told(shop, sandbox):
    path = shop.directory / "requests.csv"
    path.write_text(csv_of(range(20)) + "cancel,mall,10937342\n", encoding="utf-8")
    done = shop.order_worker("enqueue", str(path))
    assert done.returncode == 0, done.stderr
    assert "21 recorded" in done.stderr
    shop.start_worker()
    until(lambda: not shop.told("jobs", "--state", "waiting", "--state", "running"))
    confirms = shop.told("jobs", "--task", "confirm")
    assert {job["state"] for job in confirms} == {"succeeded"}
    assert len(confirms) == len([o for o in sandbox.orders() if o["state"] == "Open"]) == 20

    told = shop.order_worker("show", order(7)).stdout
    assert "sent ConfirmOrderReference (attempt 1)" in told
    assert told.index("sent Confirm") < told.index("came back: applied (200")
    assert "order state Open, basis own" in told
    (shown,) = shop.told("show", order(7))
    assert [each["operation"] for each in shown["attempts"]] == [
        "ConfirmOrderReference",
        "GetOrderReferenceDetails",
    ]
    assert shown["receipt"]["details"]

    confirm = next(q for q in shop.told("quotas") if q["operation"] == "ConfirmOrderReference")
    assert (confirm["in_flight"], confirm["ready"], confirm["closed_for"]) == (0, 0, None)


def test_to_wait_ends_with_the_jobs_of_another_process(shop, sandbox):
    shop.ledger()
    sandbox.stage(order(1), state="Canceled")
    shop.start_worker()
    good = shop.order_worker("confirm", ORDER, "--seller", "acme", "--wait")
    assert (good.returncode, said(good)) == (0, "")
    assert good.stdout.splitlines()[-1].endswith("succeeded")
    refused = shop.order_worker("confirm", order(1), "--seller", "acme", "--wait", "--json")
    assert refused.returncode == 1
    (job,) = json.loads(refused.stdout)
    assert job["state"] == "rejected"
    assert job["error"]["advice"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_worker_ends_when_it_is_asked_to(shop, sent, code):
    worker = shop.start_worker()
    assert shop.order_worker("confirm", ORDER, "--seller", "acme", "--wait").returncode == 0
    worker.send_signal(sent)
    assert worker.wait(timeout=20) == code, shop.log_of(worker)
    assert "Traceback" not in shop.log_of(worker)


def test_a_worker_logs_what_it_runs_with_and_each_attempt_once(shop, sandbox):
    sandbox.add_fault(
        {
            "match": {"operation": "ConfirmOrderReference"},
            "answer": {"status": 503, "code": "RequestThrottled"},
        }
    )
    worker = shop.start_worker()
    assert shop.order_worker("confirm", ORDER, "--seller", "acme", "--wait").returncode == 0
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=20)
    lines = [json.loads(line) for line in shop.log_of(worker).splitlines()]
    assert "the worker leaves" in [line["event"].partition(":")[0] for line in lines]
    (start,) = [line for line in lines if line["event"] == "order-worker starts"]
    assert (start["configuration"], start["sellers"]) == (str(shop.path), "acme, mall")
    assert start["broker"] == "memory://"
    attempts = [line for line in lines if line["event"] == "attempt"]
    assert [(each["level"], each["outcome"], each["found"]) for each in attempts] == [
        ("warning", "throttled", None),
        ("info", "applied", None),
        ("info", "applied", "Open"),
    ]
    assert not {line["logger"] for line in lines} & {"celery.app.trace", "celery.worker.strategy"}


def test_a_worker_waits_for_a_broker_that_is_down(shop):
    worker = shop.start_worker(ORDER_WORKER_BROKER__URL="amqp://127.0.0.1:1")
    until(lambda: "tried again" in shop.log_of(worker))
    (line,) = [line for line in shop.log_of(worker).splitlines() if "tried again" in line]
    told = json.loads(line)
    assert (told["broker"], told["error"]) == (
        "amqp://guest:**@127.0.0.1:1//",
        "[Errno 111] Connection refused",
    )
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0, shop.log_of(worker)


def test_broken_lines_are_told_and_the_good_ones_recorded(shop):
    shop.ledger()  # there already: that one was made would be another line
    lines = [{"task": "confirm", "seller": "acme", "order_id": order(n)} for n in (1, 2)]
    given = f"{json.dumps(lines[0])}\nnonsense\n{json.dumps(lines[1])}\n"
    done = shop.order_worker("enqueue", "-", stdin=given)
    assert done.returncode == 2
    assert said(done).splitlines()[0].startswith("stdin:2: line: is not JSON")
    assert [job["order_id"] for job in shop.told("jobs")] == [order(2), order(1)]


def test_a_job_that_waits_is_withdrawn_and_never_sent(shop, sandbox):
    shop.order_worker("confirm", ORDER, order(1), "--seller", "acme")
    taken_back = shop.told("jobs", "--order", ORDER)[0]["id"]
    assert shop.order_worker("withdraw", taken_back).returncode == 0
    shop.start_worker()
    until(lambda: shop.told("jobs", "--order", order(1))[0]["state"] == "succeeded")
    assert shop.told("show", taken_back)["state"] == "withdrawn"
    assert ORDER not in {request.order_id for request in sandbox.requests()}


@pytest.mark.parametrize("args", [("jobs",), ("confirm", ORDER, "--seller", "acme"), ("run",)])
@pytest.mark.parametrize("place", ["a directory", "an absent directory", "another file"])
def test_a_ledger_that_cannot_be_opened_is_a_sentence_and_3(shop, args, place):
    (shop.directory / "other.txt").write_text("not a database, and long enough to be read as one")
    path = {
        "a directory": shop.directory,
        "an absent directory": shop.directory / "absent" / "ledger.db",
        "another file": shop.directory / "other.txt",
    }[place]
    done = shop.order_worker(*args, ORDER_WORKER_LEDGER__URL=f"sqlite:///{path}")
    assert done.returncode == 3
    looks_in_vain = args == ("jobs",) and place == "an absent directory"
    sentence = (
        "There is no ledger at {}: " if looks_in_vain else "The ledger {} cannot be reached: "
    )
    assert said(done).startswith(sentence.format(f"sqlite:///{path}"))
    assert done.stdout == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="Nothing is forbidden to this user.")
def test_a_ledger_without_permission_is_a_sentence_and_3(shop):
    (shop.directory / "ledger.db").touch(mode=0o000)
    done = shop.order_worker("jobs")
    assert done.returncode == 3
    assert "cannot be reached" in said(done)


@pytest.mark.parametrize(
    ("args", "env", "sentence"),
    [
        (("jobs",), {"ORDER_WORKER_CONFIG": "absent.toml"}, "absent.toml"),
        (("jobs",), {"ORDER_WORKER_WORKER__LEASE": "1s"}, "worker.lease"),
        (("run",), {"ACME_SECRET_KEY": ""}, "ACME_SECRET_KEY is empty"),
        (("run",), {"ORDER_WORKER_SELLERS__ACME__REGION": "xx"}, "sellers.acme.region"),
        (("check",), {"ORDER_WORKER_SELLERS__MALL__PROVIDER": "x"}, "sellers.mall.provider"),
        (("sandbox",), {"MALL_API_KEY": ""}, "MALL_API_KEY is empty"),
        (("enqueue", "absent.csv"), {}, "absent.csv: No such file or directory."),
        (("confirm", ORDER, "--seller", "nobody"), {}, "'nobody' is not configured"),
        (("show", "nothing"), {}, "'nothing' is no job"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_2(shop, args, env, sentence):
    shop.ledger()
    done = shop.order_worker(*args, **env)
    assert done.returncode == 2
    assert sentence in said(done) + done.stdout


def test_no_secret_is_shown(shop):
    for args in (("check",), ("quotas", "--json"), ("check", "--seller", "acme")):
        done = shop.order_worker(*args)
        assert "not-a-real" not in done.stdout + said(done)


def test_check_looks_at_everything_and_asks_the_provider(shop):
    shop.ledger()  # there already: that one was made would be another line
    done = shop.order_worker("check", "--seller", "mall")
    assert (done.returncode, said(done)) == (0, "")
    assert "SHORTAGE" in done.stdout
    assert "schedules: retention every 3600 s" in done.stdout


def test_check_tells_the_schedules(shop):
    shop.configuration(stale__every="5m", stale__after="72h", retry__every="10m")
    done = shop.order_worker("check")
    assert "schedules: stale/acme every 300 s, retry/acme every 600 s, ret" in done.stdout


def test_check_says_that_the_provider_refused(shop):
    shop.ledger()
    done = shop.order_worker("check", "--seller", "acme", ACME_SECRET_KEY="not-a-real-other")
    assert done.returncode == 1
    assert "denied" in done.stdout


def test_check_says_what_cannot_be_reached(shop):
    shop.configuration(sellers__acme__endpoint="http://127.0.0.1:1")
    shop.ledger()
    assert shop.order_worker("check", "--seller", "acme").returncode == 3
    broker = {"ORDER_WORKER_BROKER__URL": "amqp://nobody:hidden@127.0.0.1:1"}
    done = shop.order_worker("check", **broker)
    assert done.returncode == 3
    assert "hidden" not in done.stdout + said(done)


def test_check_does_not_wait_for_a_broker_that_takes_a_connection_and_says_nothing(shop):
    shop.ledger()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}"
        done = shop.order_worker("check", timeout=15, ORDER_WORKER_BROKER__URL=url)
    assert done.returncode == 3
    assert "no answer in 2 seconds" in done.stdout


def test_a_check_that_succeeds_opens_what_was_closed_for_its_credentials(shop):
    wrong = {"ACME_SECRET_KEY": "not-a-real-other"}
    worker = shop.start_worker(**wrong)
    shop.order_worker("confirm", ORDER, "--seller", "acme")
    until(lambda: shop.told("jobs")[0]["waiting_for"] == "credentials")
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=20)
    closed = {q["seller"] for q in shop.told("quotas") if q["closed_for"] == "credentials"}
    assert closed == {"acme"}
    assert shop.order_worker("check", "--seller", "acme").returncode == 0
    assert not [q for q in shop.told("quotas") if q["closed_for"]]


def test_with_the_broker_down_jobs_are_recorded_in_time_and_one_line_warns(shop):
    shop.ledger()  # there already: that one was made would be another line
    down = {"ORDER_WORKER_BROKER__URL": "redis://127.0.0.1:1/0"}
    done = shop.order_worker("confirm", ORDER, order(1), "--seller", "acme", **down)
    assert done.returncode == 0
    assert said(done).count("\n") == 1
    assert "The broker cannot be reached" in done.stderr
    assert len(shop.told("jobs")) == 2


def test_a_reader_that_leaves_ends_it_without_a_word(shop):
    shop.order_worker("enqueue", "-", stdin=csv_of(range(400)))
    for args in (("jobs", "--json", "--limit", "400"), ("jobs", "--limit", "400")):
        with subprocess.Popen(
            [sys.executable, "-m", "worker", *args],
            env=shop.environ,
            cwd=shop.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(timeout=30) == 141


def test_ctrl_c_ends_with_130_and_leaves_the_job(shop):
    process = shop.start("worker", "confirm", ORDER, "--seller", "acme", "--wait")
    until(lambda: ORDER in shop.log_of(process))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert "the jobs go on" in shop.log_of(process)
    assert "Traceback" not in shop.log_of(process)


def test_a_terminal_sees_progress_and_the_same_summary(shop):
    path = shop.directory / "requests.csv"
    path.write_text(csv_of(range(300)), encoding="utf-8")
    leader, follower = pty.openpty()
    with os.fdopen(follower, "wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "worker", "enqueue", str(path)],
            env={**shop.environ, "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=stream,
            timeout=60,
            check=False,
        )
        shown = os.read(leader, 1_000_000).decode()
    os.close(leader)
    assert done.returncode == 0, shown
    assert "300 recorded, 0 asked before, 0 broken" in shown
    assert "Traceback" not in shown


def test_the_sandbox_serves_the_configured_sellers_until_it_is_stopped(shop):
    process = shop.start("worker", "sandbox", "--port", "0", "--switch", "sca=off")
    line = until(lambda: [w for w in shop.log_of(process).split() if w.startswith("http://")])[0]
    shop.configuration(sellers__acme__endpoint=line.rstrip(","))
    shop.ledger()
    assert shop.order_worker("check", "--seller", "acme").returncode == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_a_port_that_is_taken_is_a_sentence(shop, sandbox):
    done = shop.order_worker("sandbox", "--port", sandbox.url.rpartition(":")[2])
    assert done.returncode == 2
    assert "cannot listen" in said(done)


def test_migrate_makes_the_schema_once(shop):
    first, second = shop.order_worker("migrate"), shop.order_worker("migrate")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.endswith(" now.\n")
    assert second.stdout.endswith(" already.\n")

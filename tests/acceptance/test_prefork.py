"""The prefork pool: children that die at any moment, and what Celery then says of their jobs."""

import functools
import os
import random
import signal
import threading
import time
from pathlib import Path

import celery
import celery_shop
import pytest
from celery_shop import changes, continued, finished, order, reachable, record, standing
from processes import until

from worker.ledger.schema import transitions

pytestmark = pytest.mark.usefixtures("brokers_alone")
SEED = 4
KILLS = 8
IN_THE_END = 90.0  # seconds: each kill costs a lease, and a child that starts again


@pytest.fixture
def start(shop):
    celery_shop.write(shop)
    options = ("--without-mingle", "-P", "prefork", "-c", "3", "-l", "INFO")
    return functools.partial(shop.start, "celery", "-A", "shop_app", "worker", *options)


@pytest.fixture
def produce(shop):
    celery_shop.write(shop)
    return functools.partial(celery_shop.produce, shop)


@pytest.fixture
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgresql")


def children(worker):
    """The pids of the pool's children."""
    listed = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def kill_children(worker, chance, done):
    """Kill a child every now and then, until there were enough or all is done; how many it were."""
    for killed in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.4))
        pids = until(lambda: children(worker) or done(), IN_THE_END)
        if done():
            return killed
        os.kill(chance.choice(pids), signal.SIGKILL)
    return KILLS


@pytest.mark.parametrize(
    ("ledger_url", "broker"),
    [("sqlite", "redis"), ("postgresql", "rabbitmq")],
    indirect=["ledger_url"],
)
def test_children_killed_under_load_lose_nothing_and_do_nothing_twice(
    ledger_url, shop, sandbox, start, broker
):
    shop.configuration(
        ledger__url=ledger_url,
        broker__url=reachable(broker),
        # The kills are many; a job that ends its worker each time is another test's.
        amazon_quota=(5.0, 20.0),
    )
    runtime = shop.ledger()
    sandbox.add_fault(match={"operation": "Confirm*"}, delay=0.1, times=None)
    ids = [record(runtime, order(number)) for number in range(30)]
    worker = start("--max-tasks-per-child", "5")
    # A child that dies before the worker is ready ends Celery's worker.
    until(sandbox.requests, IN_THE_END)
    killed = kill_children(worker, random.Random(SEED), lambda: finished(runtime, ids))
    assert killed > KILLS / 2, shop.log_of(worker)
    until(lambda: finished(runtime, ids), IN_THE_END)
    states = {row.state for row in standing(runtime, ids).values()}
    assert states == {"succeeded"}, shop.log_of(worker)
    assert changes(sandbox) == {"ConfirmOrderReference": 30}
    assert worker.poll() is None, shop.log_of(worker)
    worker.send_signal(signal.SIGTERM)
    until(lambda: worker.poll() is not None, IN_THE_END)
    assert worker.returncode == 0, shop.log_of(worker)
    assert "deadlock" not in shop.log_of(worker)


# --- what Celery says of a job whose process is gone ----------------------------------------


def kill_a_child(worker, _url, _job):
    for pid in children(worker):
        os.kill(pid, signal.SIGKILL)


def terminate(_worker, url, job):
    """As another application of the same broker does, which knows nothing of our ledger."""
    with celery.Celery("other", broker=url, set_as_current=False) as other:
        other.control.revoke(job, terminate=True, signal="SIGKILL")


def quit_at_once(worker, _url, _job):
    worker.send_signal(signal.SIGQUIT)
    until(lambda: worker.poll() is not None)


LOSSES = {
    "killed": ((), kill_a_child, "WorkerLostError"),
    "time limit": (("--time-limit", "1"), None, "TimeLimitExceeded"),
    "soft time limit": (("--soft-time-limit", "1"), None, "SoftTimeLimitExceeded"),
    "revoked and terminated": ((), terminate, "Terminating"),
    "quit": ((), quit_at_once, "Cold shutdown"),
}


SELDOM = {"soft time limit", "revoked and terminated"}


@pytest.mark.parametrize(
    "loss",
    [pytest.param(loss, marks=pytest.mark.long if loss in SELDOM else ()) for loss in LOSSES],
)
def test_what_celery_says_of_a_lost_call_neither_ends_its_job_nor_fires_what_hangs_on_it(
    shop, sandbox, start, produce, loss
):
    arguments, lose, said = LOSSES[loss]
    url = reachable("redis")
    shop.configuration(broker__url=url, worker__call_timeout="5s", worker__lease="6s")
    runtime = shop.ledger()
    sandbox.add_fault(match={"operation": "Confirm*"}, when="after", delay=4.0, times=1)
    worker = start(*arguments)
    # Else a repeat of the message is there, too.
    until(lambda: "ready." in shop.log_of(worker), IN_THE_END)
    lines = f"""
confirm.apply_async(
    ({order(1)!r},), {{"seller": "acme"}}, link=ship.s(), link_error=[bill.si(1), sorry.s()]
)
"""
    producer = threading.Thread(target=produce, args=(lines,))
    producer.start()
    job = until(
        lambda: next((e.id for e in standing(runtime).values() if e.state == "running"), 0),
        IN_THE_END,
    )
    time.sleep(0.2)  # it is in its call, for some seconds more
    if lose:
        lose(worker, url, job)
    until(lambda: said in shop.log_of(worker), IN_THE_END)
    if worker.poll() is not None:
        worker = start()
    until(lambda: continued(shop), IN_THE_END)
    producer.join()
    (row,) = standing(runtime).values()
    assert row.state == "succeeded", shop.log_of(worker)
    assert continued(shop) == [f"ship {order(1)}"]
    assert changes(sandbox) == {"ConfirmOrderReference": 1}
    with runtime.ledger.database.read() as connection:
        rows = connection.execute(transitions.select()).all()
    went = [each.new for each in rows if each.subject == "job"]
    assert set(went) <= {"waiting", "running", "in_doubt", "succeeded"}

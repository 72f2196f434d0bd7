"""`celery -A … worker` as a shop runs it: pools, brokers, signals, continuations, lost answers."""

import functools
import signal
from collections import Counter

import celery_shop
import kombu
import pytest
from celery_shop import BROKERS, changes, continued, finished, order, reachable, standing
from processes import until
from sqlalchemy import func, select, update

from tests.servers import OwnRedis, running
from worker.ledger.schema import jobs, results

pytestmark = pytest.mark.usefixtures("brokers_alone")


@pytest.fixture
def start(shop):
    """Start a worker of the shop's module, which has tasks of its own beside ours."""
    celery_shop.write(shop)

    def begin(*args, **env):
        # Without a second in which it looks for other workers.
        return shop.start("celery", "-A", "shop_app", "worker", "--without-mingle", *args, **env)

    return begin


@pytest.fixture
def produce(shop):
    """Run lines of a producer's program in a process of its own; what it printed, as JSON."""
    celery_shop.write(shop)

    return functools.partial(celery_shop.produce, shop)


# --- pools and brokers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broker", "pool"),
    [
        (broker, pool)
        for broker in BROKERS
        for pool in ("threads", "solo", "prefork")
        if (broker, pool) != ("memory", "prefork")
    ],
)
def test_a_worker_carries_out_what_is_asked(shop, sandbox, start, produce, broker, pool):
    shop.configuration(broker__url=reachable(broker))
    runtime = shop.ledger()
    for number in range(30, 40):
        sandbox.stage(order(number), state="Open")
    worker = start("-P", pool)
    lines = f"""
ids = [confirm.delay(f"S01-0000000-{{n:07}}", seller="acme").id for n in range(30)]
ids += [
    cancel.delay(f"S01-0000000-{{n:07}}", seller="acme", reason="late").id for n in range(30, 40)
]
total = add.delay(2, 3).get(timeout=20) if {broker != "memory"} else None
receipts = [app.AsyncResult(each).get(timeout=30) for each in ids]
print(json.dumps([ids, total, [receipt["basis"] for receipt in receipts]]))
"""
    ids, total, bases = produce(lines)
    assert {row.state for row in standing(runtime, ids).values()} == {"succeeded"}
    assert set(bases) == {"own"}
    assert total == (None if broker == "memory" else 5)
    assert changes(sandbox) == {"ConfirmOrderReference": 30, "CancelOrderReference": 10}
    worker.send_signal(signal.SIGTERM)
    assert until(lambda: worker.poll() is not None and worker) is worker
    assert worker.returncode == 0, shop.log_of(worker)
    said = shop.log_of(worker)
    assert "Traceback" not in said
    assert "jane.doe" not in said.lower()


@pytest.mark.parametrize(("arguments", "pool"), [((), "thread"), (("-P", "prefork"), "prefork")])
def test_a_worker_runs_in_threads_unless_prefork_is_asked_for(shop, start, arguments, pool):
    shop.configuration(broker__url=reachable("redis"))
    worker = start("-c", "2", *arguments)
    said = until(lambda: "ready." in shop.log_of(worker) and shop.log_of(worker))
    assert f"concurrency: 2 ({pool})" in said


def test_prefork_is_refused_with_a_sentence_where_its_children_reach_no_broker(shop, start):
    worker = start("-P", "prefork")
    assert until(worker.poll) == 2
    assert "cannot reach the in-memory broker: use --pool threads" in shop.log_of(worker)


@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_a_pool_of_greenlets_is_refused_with_a_sentence(shop, start, name):
    (shop.directory / "pools.py").write_text(
        f"import types\nfrom celery.concurrency import solo\n"
        f"class TaskPool(solo.TaskPool): pass\nTaskPool.__module__ = 'celery.concurrency.{name}'\n"
    )
    worker = start("-P", "custom", CELERY_CUSTOM_WORKER_POOL="pools:TaskPool")
    assert until(worker.poll) == 2
    refusal = f"does not run in celery.concurrency.{name}: use --pool threads, prefork or solo."
    assert refusal in shop.log_of(worker)


def test_a_worker_without_a_sellers_secret_says_so_and_ends(shop, start):
    del shop.environ["ACME_SECRET_KEY"]
    worker = start()
    assert until(worker.poll) == 2
    assert "ACME_SECRET_KEY" in shop.log_of(worker)
    assert "Traceback" not in shop.log_of(worker)


# --- messages from elsewhere, through a real broker -----------------------------------------


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_what_a_stranger_publishes_is_recorded_refused_or_withdrawn(
    shop, sandbox, start, produce, broker
):
    url = reachable(broker)
    shop.configuration(broker__url=url)
    runtime = shop.ledger()
    with kombu.Connection(url) as connection, connection.Producer() as producer:
        headers = {"lang": "py", "task": "worker.confirm", "id": "evil"}
        for content_type in ("application/x-python-serialize", "application/x-yaml"):
            producer.publish(
                b"cos\nsystem\n(S'touch owned'\ntR.",
                routing_key="order-worker",
                content_type=content_type,
                content_encoding="binary",
                headers=headers,
            )
        producer.publish("no message at all", routing_key="order-worker", serializer="json")
        producer.publish(
            [[], [1, 2], None], routing_key="order-worker", serializer="json", headers=headers
        )
    worker = start()
    good, twice, odd, parked = produce(
        f"""
send = lambda *args, **words: app.send_task("worker.confirm", args, words).id
good, twice = (send({order(1)!r}, "acme") for _ in range(2))
odd = send(7, seller=["x"])
parked = confirm.apply_async(({order(2)!r},), {{"seller": "acme"}}, countdown=600).id
receipts = [app.AsyncResult(each).get(timeout=20) for each in (good, twice)]
assert receipts[0] == receipts[1], receipts
app.control.revoke(parked)
print(json.dumps([good, twice, odd, parked]))
"""
    )
    until(lambda: standing(runtime, [odd]) and finished(runtime, [odd, parked]))
    rows = standing(runtime)
    assert (rows[odd].state, rows[parked].state) == ("rejected", "withdrawn")
    assert {good, twice} & set(rows)
    assert not {good, twice} <= set(rows)
    assert changes(sandbox) == {"ConfirmOrderReference": 1}
    assert worker.poll() is None, shop.log_of(worker)
    with runtime.ledger.database.read() as connection:
        stored = connection.execute(select(results.c.status, results.c.task_id)).all()
    assert [each for each in stored if each.task_id in {good, twice, odd, parked}] == []
    assert not (shop.directory / "owned").exists()


@pytest.fixture
def redis():
    """A Redis of the test's own, to flush, to kill and to start again."""
    with running(OwnRedis) as own:
        yield own


CONFIRMS = """
print(json.dumps([confirm.delay(f"S01-0000000-{n:07}", seller="acme").id for n in range(9)]))
"""


def test_a_flushed_broker_loses_no_job(shop, sandbox, start, produce, redis):
    shop.configuration(broker__url=redis.url)
    runtime = shop.ledger()
    worker = start()
    until(lambda: "ready." in shop.log_of(worker))
    with kombu.Connection(redis.url) as connection:
        connection.default_channel.client.flushdb()
    ids = produce(CONFIRMS)
    until(lambda: finished(runtime, ids), 10)
    assert changes(sandbox) == {"ConfirmOrderReference": 9}


def test_work_goes_on_within_seconds_of_a_brokers_return(shop, sandbox, start, produce, redis):
    shop.configuration(broker__url=redis.url)
    runtime = shop.ledger()
    worker = start()
    until(lambda: "ready." in shop.log_of(worker))
    redis.kill()
    ids = produce(CONFIRMS)
    assert len(standing(runtime, ids)) == 9
    until(lambda: "not published" in shop.log_of(worker))
    redis.begin()
    until(lambda: finished(runtime, ids))
    assert changes(sandbox) == {"ConfirmOrderReference": 9}
    assert worker.poll() is None


# --- continuations --------------------------------------------------------------------------


def test_what_hangs_on_a_job_fires_also_when_the_job_has_waited(shop, sandbox, start, produce):
    sandbox.stage(order(2), state="Canceled")
    sandbox.add_fault(
        match={"order_id": order(1), "operation": "Confirm*"},
        answer={"status": 503, "code": "RequestThrottled"},
        times=2,
    )
    produce(
        """
for number, hold in ((1, 0), (2, 0), (3, 1.5)):
    confirm.apply_async(
        (f"S01-0000000-{number:07}",), {"seller": "acme"},
        link=[ship.si({"order_id": f"{number}"}), ship.s("own")],
        link_error=[bill.si(number), sorry.s()], countdown=hold,
    )
"""
    )
    worker = start()
    until(lambda: len(continued(shop)) >= 6)
    sorry = "sorry Rejected InvalidOrderReferenceStatus"
    wanted = ["bill 2", "ship 1", "ship 3", f"ship {order(1)} own", f"ship {order(3)} own", sorry]
    assert sorted(set(continued(shop))) == wanted, shop.log_of(worker)


def test_what_hangs_on_a_job_fires_again_for_the_ending_of_its_retry(shop, sandbox, start, produce):
    shop.configuration(worker__max_attempts=1)
    sandbox.add_fault(
        match={"operation": "Confirm*"},
        answer={"status": 503, "code": "InputStreamDisconnected"},
        times=1,
    )
    produce(
        f"""
confirm.apply_async(
    ({order(1)!r},), {{"seller": "acme"}}, link=ship.s(), link_error=bill.si(1)
)
"""
    )
    worker = start()
    until(lambda: continued(shop) == ["bill 1"])
    done = shop.order_worker("retry", "--task", "confirm", "--state", "failed", "--since", "1h")
    assert (done.returncode, done.stderr) == (0, "1 job to retry: 1 attempts_exhausted.\n")
    until(lambda: continued(shop) == ["bill 1", f"ship {order(1)}"])
    (job,) = shop.told("jobs")
    assert (job["state"], job["attempt_count"]) == ("succeeded", 3), shop.log_of(worker)


@pytest.mark.parametrize("ends", ["succeeded", "rejected"])
def test_what_hangs_on_a_job_fires_after_its_worker_was_killed(shop, sandbox, start, produce, ends):
    sandbox.stage(order(1), state="Open" if ends == "succeeded" else "Closed")
    produce(
        f"""
cancel.apply_async(({order(1)!r},), {{"seller": "acme"}}, link=ship.s(), link_error=bill.si(1))
"""
    )
    runtime = shop.ledger()
    first = start(ORDER_WORKER_CRASH_AT="after_settle")
    assert until(first.poll) == -signal.SIGKILL
    (row,) = standing(runtime).values()
    if ends == "rejected" and row.state == "waiting":  # killed before its lookup
        first = start(ORDER_WORKER_CRASH_AT="after_settle")
        assert until(first.poll) == -signal.SIGKILL
        (row,) = standing(runtime).values()
    assert (row.state, row.continued_at) == (ends, None)
    assert continued(shop) == []
    with runtime.ledger.database.write() as connection:  # half a minute passes
        connection.execute(update(jobs).values(publish_at=0.0))
    start()
    until(lambda: continued(shop))
    assert continued(shop) == [f"ship {order(1)}" if ends == "succeeded" else "bill 1"]
    until(lambda: next(iter(standing(runtime).values())).continued_at)


# --- signals, and workers beside each other -------------------------------------------------


@pytest.mark.parametrize(
    "pool", ["threads", pytest.param("solo", marks=pytest.mark.long), "prefork"]
)
def test_a_worker_that_is_told_to_end_finishes_its_calls_and_loses_none(
    shop, sandbox, start, produce, pool
):
    if pool == "prefork":  # else no child could be reached
        shop.configuration(broker__url=reachable("redis"))
    sandbox.add_fault(match={"operation": "Confirm*"}, delay=0.25, times=None)
    ids = produce(
        """
print(json.dumps(
    [confirm.delay(f"S01-0000000-{n:07}", seller="acme").id for n in range(24)]
))
"""
    )
    runtime = shop.ledger()
    first = start("-P", pool)
    until(lambda: len(sandbox.requests()) >= 5)
    first.send_signal(signal.SIGTERM)
    until(lambda: first.poll() is not None, 10)  # then Docker would kill it
    assert first.returncode == 0, shop.log_of(first)
    states = Counter(row.state for row in standing(runtime, ids).values())
    assert set(states) == {"waiting", "succeeded"}, states  # no call was cut, and some are left
    start("-P", "threads")
    until(lambda: finished(runtime, ids))
    assert {row.state for row in standing(runtime, ids).values()} == {"succeeded"}
    assert changes(sandbox) == {"ConfirmOrderReference": 24}


def test_two_workers_on_one_ledger_apply_no_order_twice(shop, sandbox, start, produce):
    ids = produce(
        """
print(json.dumps(
    [confirm.delay(f"S01-0000000-{n:07}", seller="acme").id for n in range(80)]
))
"""
    )
    runtime = shop.ledger()
    workers = [start(), start()]
    until(lambda: finished(runtime, ids), 40)
    assert {row.state for row in standing(runtime, ids).values()} == {"succeeded"}
    assert changes(sandbox) == {"ConfirmOrderReference": 80}
    sent = Counter(
        entry.order_id for entry in sandbox.requests() if entry.operation.startswith("Confirm")
    )
    assert set(sent.values()) == {1}
    assert [worker.poll() for worker in workers] == [None, None]


# --- lost answers ---------------------------------------------------------------------------

LOST = [
    {"when": when, **what}
    for when in ("before", "after")
    for what in (
        {"cut": True},
        {"answer": {"status": 500}},
        {"answer": {"status": 502, "body": "html"}},
        {"answer": {"status": 200, "body": "truncated"}},
        {"delay": 1.5},  # longer than a call may take
    )
]


def test_a_lost_answer_ends_in_what_is_true_with_one_effect(shop, sandbox, start, produce):
    for number, fault in enumerate(LOST):
        sandbox.add_fault(fault, match={"order_id": order(number), "operation": "Confirm*"})
        sandbox.stage(order(100 + number), state="Open")
        sandbox.add_fault(fault, match={"order_id": order(100 + number), "operation": "Cancel*"})
    ids = produce(
        f"""
ids = [confirm.delay(f"S01-0000000-{{n:07}}", seller="acme").id for n in range({len(LOST)})]
ids += [
    cancel.delay(f"S01-0000000-{{n:07}}", seller="acme").id for n in range(100, 100 + {len(LOST)})
]
print(json.dumps(ids))
"""
    )
    runtime = shop.ledger()
    worker = start()
    until(lambda: finished(runtime, ids), 40)
    ended = {row.order_id: row.state for row in standing(runtime, ids).values()}
    assert set(ended.values()) == {"succeeded"}, (ended, shop.log_of(worker))
    assert changes(sandbox) == {
        "ConfirmOrderReference": len(LOST),
        "CancelOrderReference": len(LOST),
    }
    with runtime.ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar() == len(ids)

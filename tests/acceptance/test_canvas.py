"""Celery's canvases with our jobs in them, on each broker, across waits and a killed worker.

One scene per broker: a first worker is killed in the middle of a chord's calls, a producer
launches all other canvases, a second worker does the rest, and another process reads the results.
"""

import json
import signal
import subprocess
import sys

import celery_shop
import kombu
import pytest
from celery_shop import BROKERS, changes, continued, order, reachable, standing
from processes import both_providers, opened, until
from sqlalchemy import select, update

from worker.domain.jobs import FINAL
from worker.ledger.schema import aliases, chords, jobs

pytestmark = pytest.mark.usefixtures("brokers_alone")

REJECTED = (5, 13, 33, 34)  # orders that were cancelled: their confirm is rejected
LOST = (16, 21)  # orders of which the first answer is lost: a lookup tells
ASK = """
from celery import Celery, chain, chord, group

def ask(number):
    return confirm.s(f"S01-0000000-{number:07}", seller="acme")

def then(number):
    return confirm.si(f"S01-0000000-{number:07}", seller="acme")
"""
LAUNCH_ALONE = """
chord = chord([ask(number) for number in range(40, 44)], gather.s("killed"))()
print(json.dumps(chord.as_tuple()))
"""
LAUNCH = """
made = {
    "with waits": chord(
        [ask(1), ask(2).set(countdown=1.5), ask(21)], gather.s("waits")
    )(),
    "of duplicates": chord([ask(3), ask(3), ask(1)], gather.s("duplicates"))(),
    "failing": chord(
        [ask(5), ask(6)], gather.s("never").on_error(bill.si("chord"))
    )(),
    "mixed": chain(ask(7), group(then(8), add.si(2, 3)), gather.s("mixed"))(),
    "nested": chord([chord([ask(19)], gather.s("inner")), ask(20)], gather.s("outer"))(),
    "nested and failing": chord(
        [chord([ask(34)], gather.s("never")), ask(20)],
        gather.s("never").on_error(bill.si("nested")),
    )(),
    "of chains": chord([ask(17) | ship.s("chained"), ask(18)], gather.s("chains"))(),
    "our body": chord([ask(22), ask(23)], then(24))(),
    "our jobs first, in the middle and last": chain(ask(9), ship.s(), then(10), then(11))(),
    "failing in the middle": chain(
        ask(12), then(13).set(link_error=[bill.si("chain"), sorry.s()]), ship.s("never"), then(14)
    )(),
    "linked": ask(16).apply_async(link=[ship.s("one"), ship.s("two")], link_error=bill.si("not")),
    "rejected": ask(33).apply_async(
        link=ship.s("never"),
        link_error=[bill.si(33), sorry.s(), cancel.si("S01-0000000-0000070", seller="acme")],
    ),
}
if not app.conf.broker_url.startswith("memory"):  # which reaches no other process
    shop = Celery("parcels", broker=app.conf.broker_url, set_as_current=False)
    shop.conf.task_default_queue = "parcels"

    @shop.task(name="parcels.pack")
    def pack(receipt):
        pass

    made["of the shop's tasks and ours"] = chord([add.s(1, 2), ask(25)], gather.s("both"))()
    made["to the shop's queue"] = chord([ask(27)], pack.s())().parent[0]
    made["linked to the shop's queue"] = ask(26).apply_async(link=pack.s())
made["revoked"] = ask(60).apply_async(countdown=600)
made["revoked"].revoke()
made["in an hour"] = ask(61).apply_async(countdown=3600)
members = group(ask(30), ask(31), ask(30)).apply_async()
members.save()
ids = {name: result.as_tuple() for name, result in made.items()}
print(json.dumps([ids, members.id]))
"""
COLLECT = """
from celery.result import GroupResult, result_from_tuple

ids, members = json.loads({launched!r})

def come_to(get):
    try:
        value = get()
    except Exception as error:
        return [type(error).__name__, str(error), getattr(error, "code", None)]
    return value["order_id"] if isinstance(value, dict) else value

def order_of(result):
    return come_to(lambda: result.get(timeout=30))

waits = result_from_tuple(ids.pop("in an hour"), app=app)
results = {{name: result_from_tuple(each, app=app) for name, each in ids.items()}}
told = {{name: order_of(result) for name, result in results.items()}}
saved = GroupResult.restore(members, app=app)
told["group"] = come_to(lambda: [each["order_id"] for each in saved.get(timeout=30)])
told["before the last"] = order_of(results["our jobs first, in the middle and last"].parent)
told["after the failed one"] = results["failing in the middle"].parent.state
linked = results["linked"]
linked.forget()
told["forgotten"] = [linked.state, app.AsyncResult(linked.id).info["basis"]]
told["in an hour"] = [waits.state, waits.info]
waits.revoke()
told["in an hour"].append(waits.state)
told["from elsewhere"] = [order_of(app.AsyncResult(each)) for each in {elsewhere}]
print(json.dumps(told))
"""
ELSEWHERE = """
import json, sys
from celery import Celery, signature

shop = Celery("shop", broker=sys.argv[1])

def ask(number, **options):
    order = f"S01-0000000-{number:07}"
    return shop.send_task(
        "worker.confirm", (order,), {"seller": "acme"}, queue="order-worker", **options
    ).id

ship = signature("shop.ship", args=("elsewhere",), queue="order-worker")
print(json.dumps([ask(50, link=ship), ask(50), ask(51, expires=600)]))
assert "worker" not in sys.modules
"""


class Scene:
    """What one broker's run left behind."""

    def __init__(self, broker, shop, sandbox):
        self.broker, self.shop, self.sandbox = broker, shop, sandbox
        shop.configuration(broker__url=reachable(broker))
        reachable(broker, "parcels")
        celery_shop.write(shop)
        self.runtime = shop.ledger()
        for number in REJECTED:
            sandbox.stage(order(number), state="Canceled")
        for number in LOST:
            sandbox.add_fault(
                match={"order_id": order(number), "operation": "Confirm*"}, when="after", cut=True
            )
        alone = celery_shop.produce(shop, ASK + LAUNCH_ALONE)
        worker = ("celery", "-A", "shop_app", "worker", "--without-mingle")
        killed = shop.start(*worker, ORDER_WORKER_CRASH_AT="after_answer")
        assert until(killed.poll) == -signal.SIGKILL
        ids, members = celery_shop.produce(shop, ASK + LAUNCH)
        launched = json.dumps([{"of a killed worker": alone, **ids}, members])
        with self.runtime.ledger.database.write() as connection:  # half a minute passes
            connection.execute(update(jobs).where(jobs.c.finished_at > 0).values(publish_at=0.0))
        pool = "prefork" if broker == "rabbitmq" else "threads"
        self.worker = shop.start(*worker, "-P", pool)
        elsewhere = [] if broker == "memory" else self.sent_from_elsewhere()
        collect = COLLECT.format(launched=launched, elsewhere=elsewhere)
        self.told = celery_shop.produce(shop, collect)

    def sent_from_elsewhere(self):
        """The ids of jobs that were asked for by a process with nothing but the broker."""
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, BROKERS[self.broker]],
            capture_output=True,
            check=True,
            timeout=30,
        )
        return json.loads(done.stdout)

    def job(self, number):
        (row,) = (row for row in standing(self.runtime).values() if row.order_id == order(number))
        return row

    def read(self, table):
        with self.runtime.ledger.database.read() as connection:
            return connection.execute(select(table)).all()


@pytest.fixture(scope="module", params=BROKERS)
def scene(request, tmp_path_factory, brokers_alone):
    directory = tmp_path_factory.mktemp(request.param)
    with both_providers() as sandbox, opened(directory, sandbox.url) as shop:
        yield Scene(request.param, shop, sandbox)


between_processes = pytest.mark.parametrize(
    "scene", ["redis", "rabbitmq"], indirect=True, scope="module"
)


def orders(*numbers):
    return [order(number) for number in numbers]


# --- chords ---------------------------------------------------------------------------------


def test_a_chord_goes_on_whose_members_were_in_flight_when_their_worker_was_killed(scene):
    assert scene.told["of a killed worker"] == orders(40, 41, 42, 43)
    assert sum(scene.job(number).lost_leases for number in range(40, 44)) >= 1


def test_a_chord_waits_for_a_member_that_is_due_later_and_for_one_that_is_in_doubt(scene):
    assert scene.told["with waits"] == orders(1, 2, 21)
    assert scene.job(21).receipt["already"]  # a lookup found it so


def test_a_member_of_a_chord_may_be_an_order_that_was_asked_for_before(scene):
    assert scene.told["of duplicates"] == orders(3, 3, 1)
    assert scene.read(aliases)


def test_a_chord_with_a_member_that_failed_tells_its_errbacks_and_not_its_body(scene):
    assert scene.told["failing"][::2] == ["Rejected", "InvalidOrderReferenceStatus"]
    assert "bill chord" in continued(scene.shop)
    assert scene.job(6).state == "succeeded"


def test_jobs_and_the_shops_own_tasks_are_members_of_one_chord(scene):
    assert scene.told["mixed"] == [order(8), 5]


@between_processes
def test_a_producer_makes_a_chord_of_jobs_and_of_the_shops_own_tasks(scene):
    assert scene.told["of the shop's tasks and ours"] == [3, order(25)]


def test_a_chord_may_be_a_member_of_a_chord(scene):
    assert scene.told["nested"] == [[order(19)], order(20)]


def test_a_chord_that_fails_fails_the_chord_that_it_is_a_member_of(scene):
    kind, said, _ = scene.told["nested and failing"]
    assert kind == "ChordError"
    assert "InvalidOrderReferenceStatus" in said
    until(lambda: "bill nested" in continued(scene.shop))


def test_a_chain_may_be_a_member_of_a_chord(scene):
    assert scene.told["of chains"] == orders(17, 18)


def test_a_job_may_be_the_body_of_a_chord(scene):
    assert scene.told["our body"] == order(24)


def test_no_chord_is_left_and_none_was_polled_for(scene):
    until(lambda: all(chord.continued_at for chord in scene.read(chords)))
    assert {chord.publish_count for chord in scene.read(chords)} == {1}
    assert "celery.chord_unlock" not in scene.shop.log_of(scene.worker).partition("ready.")[2]


# --- chains, groups, links ------------------------------------------------------------------


def test_a_chain_has_our_jobs_first_in_the_middle_and_last(scene):
    assert scene.told["our jobs first, in the middle and last"] == order(11)
    assert scene.told["before the last"] == order(10)
    assert f"ship {order(9)}" in continued(scene.shop)


def test_what_follows_a_job_of_a_chain_that_failed_fails_and_is_not_run(scene):
    kind, _, code = scene.told["failing in the middle"]
    assert (kind, code) == ("Rejected", "InvalidOrderReferenceStatus")
    assert scene.told["after the failed one"] == "FAILURE"
    lines = continued(scene.shop)
    assert "bill chain" in lines
    assert "sorry Rejected InvalidOrderReferenceStatus" in lines
    assert not [line for line in lines if "never" in line]
    assert order(14) not in {row.order_id for row in standing(scene.runtime).values()}


def test_a_group_is_restored_by_another_process_and_has_the_same_order_twice(scene):
    assert scene.told["group"] == orders(30, 31, 30)


def test_links_fire_after_a_doubt_and_errbacks_of_both_kinds_after_a_rejection(scene):
    until(lambda: {f"ship {order(16)} one", f"ship {order(16)} two"} <= set(continued(scene.shop)))
    assert scene.told["linked"] == order(16)
    assert "bill not" not in continued(scene.shop)
    assert "bill 33" in continued(scene.shop)
    assert scene.told["rejected"][::2] == ["Rejected", "InvalidOrderReferenceStatus"]


def test_a_job_may_be_what_follows_a_rejection(scene):
    until(lambda: 70 in [int(row.order_id[-7:]) for row in standing(scene.runtime).values()])
    until(lambda: scene.job(70).state == "succeeded")
    assert scene.job(70).task == "cancel"


def test_a_forgotten_result_leaves_the_job(scene):
    state, basis = scene.told["forgotten"]
    assert (state, basis) == ("SUCCESS", scene.job(16).receipt["basis"])


# --- a result, and what came from elsewhere ------------------------------------------------


def test_a_revoked_job_is_withdrawn_by_whoever_asks(scene):
    kind, said, _ = scene.told["revoked"]
    assert (kind, said) == ("TaskRevokedError", "revoked")
    assert scene.job(60).state == "withdrawn"


def test_a_job_that_waits_tells_what_for_and_until_when(scene):
    before, info, after = scene.told["in an hour"]
    assert (before, after) == ("PENDING", "REVOKED")
    assert (info["state"], info["waiting_for"]) == ("waiting", "turn")
    assert info["due_at"] == scene.job(61).due_at


@between_processes
def test_a_producer_with_nothing_but_the_broker_is_answered(scene):
    assert scene.told["from elsewhere"] == orders(50, 50, 51)
    assert scene.job(51).deadline - scene.job(51).accepted_at == pytest.approx(600, abs=10)
    # If the second message runs the job, the first one's link is left to the dispatcher.
    until(lambda: f"ship {order(50)} elsewhere" in continued(scene.shop), 60)


@between_processes
def test_what_follows_goes_to_the_queue_of_the_shops_own_application(scene):
    with kombu.Connection(BROKERS[scene.broker]) as connection:
        queue = connection.SimpleQueue("parcels")
        told = set()
        while told < set(orders(26, 27)):  # at least once each
            message = queue.get(timeout=30)
            assert message.headers["task"] == "parcels.pack"
            given = message.payload[0][0]
            told.add((given[0] if isinstance(given, list) else given)["order_id"])
    assert told == set(orders(26, 27))


# --- everything -----------------------------------------------------------------------------


def test_no_order_was_changed_twice_and_no_job_is_left(scene):
    until(lambda: all(row.state in FINAL for row in standing(scene.runtime).values()))
    until(lambda: all(r.continued_at for r in standing(scene.runtime).values() if r.options), 60)
    assert changes(scene.sandbox).keys() == {"ConfirmOrderReference", "CancelOrderReference"}
    assert "Traceback" not in scene.shop.log_of(scene.worker)

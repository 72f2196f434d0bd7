"""A worker dies at each point of a call; the next one finds out what had happened."""

import signal
from contextlib import ExitStack

import pytest
from processes import opened, until
from sqlalchemy import select

from worker.crash import POINTS
from worker.domain.jobs import FINAL, Task
from worker.ledger.acceptance import Terms
from worker.ledger.schema import attempts, jobs
from worker.producers import new_id

PARENT = "4711"
WAIT = 40.0  # seconds; four workers start at once

CASES = {
    "confirm": ("confirm", "acme", {}),
    "cancel": ("cancel", "acme", {"reason": "out of stock"}),
    "item": ("cancel", "mall", {"reason": "SHORTAGE", "parent_order_id": PARENT}),
    "item without parent": ("cancel", "mall", {"reason": "SHORTAGE"}),
}
WRITES = {
    "confirm": "ConfirmOrderReference",
    "cancel": "CancelOrderReference",
    "item": "SetStatusToCanceled",
    "item without parent": "SetStatusToCanceled",
}
LOOKUPS = {"GetOrderReferenceDetails", "GetOrderItems"}
ORDERS = {
    "confirm": "S01-0000000-0000001",
    "cancel": "S01-0000000-0000002",
    "item": "1001",
    "item without parent": "1002",
}


def stage(sandbox):
    sandbox.stage(ORDERS["item"], parent=PARENT)
    sandbox.stage(ORDERS["cancel"], state="Open")


def record(runtime, case):
    """Record one job as a producer does; its id."""
    task, seller, words = CASES[case]
    request = runtime.producers.request(Task(task), (ORDERS[case],), {"seller": seller, **words})
    terms = Terms(job_id=new_id(), actor="test", may_publish=False)
    return runtime.producers.accept(request, terms).job_id


def standing(runtime, table=jobs):
    with runtime.ledger.database.read() as connection:
        return connection.execute(select(table)).all()


def all_final(runtime):
    return all(job.state in FINAL for job in standing(runtime))


def writes_without_a_lookup_between(entries, write):
    """How many writes followed another of their order with no lookup in between."""
    blind, sent = 0, False
    for entry in entries:
        if entry.operation == write:
            blind += sent
            sent = True
        elif entry.operation in LOOKUPS:
            sent = False
    return blind


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_leaves_nothing_undone_and_nothing_done_twice(tmp_path, sandbox, point):
    stage(sandbox)
    with ExitStack() as stack:
        shops = {}
        for case in CASES:  # each in a shop of its own: the first call of each worker is its last
            directory = tmp_path / case
            directory.mkdir()
            shops[case] = stack.enter_context(opened(directory, sandbox.url))
        runtimes = {case: shop.ledger() for case, shop in shops.items()}
        ids = {case: record(runtimes[case], case) for case in CASES}
        doomed = [
            (shop, shop.start_worker(celery=True, ORDER_WORKER_CRASH_AT=point))
            for shop in shops.values()
        ]
        for shop, first in doomed:
            died = until(first.poll, WAIT)
            assert died == -signal.SIGKILL, shop.log_of(first)
        seconds = {case: shop.start_worker(celery=True) for case, shop in shops.items()}
        until(lambda: all(map(all_final, runtimes.values())), WAIT)
        for case in CASES:
            (job,) = standing(runtimes[case])
            said = shops[case].log_of(seconds[case])
            assert (job.id, job.state, job.effect) == (ids[case], "succeeded", "applied"), said
            assert None not in [each.outcome for each in standing(runtimes[case], attempts)]
            check_what_the_provider_saw(sandbox, case)


def check_what_the_provider_saw(sandbox, case):
    order, write = ORDERS[case], WRITES[case]
    assert sandbox.order(order)["changed"] == {write: 1}
    of_order = {order, PARENT} if case == "item" else {order}
    entries = [entry for entry in sandbox.requests() if entry.order_id in of_order]
    assert sum(entry.changed for entry in entries) == 1
    if case == "item without parent":
        return  # there is no lookup: it is sent again, and the repeat is refused by the state
    assert [entry.operation for entry in entries].count(write) == 1
    assert writes_without_a_lookup_between(entries, write) == 0

"""A job that kills its worker's process each time: it is given up, and its neighbours are not."""

import os
import signal

from celery_shop import order, standing
from processes import until

from worker.domain.jobs import FINAL, Task
from worker.ledger.acceptance import Terms
from worker.producers import new_id

NEIGHBOURS = 20
POISON = order(1)
LOST_LEASES = 5
WAIT = 60.0


def ask(runtime, number):
    request = runtime.producers.request(Task.CONFIRM, (order(number),), {"seller": "acme"})
    return runtime.producers.accept(request, Terms(new_id(), "test", new_id=True)).job_id


def test_it_fails_after_five_lost_leases_and_its_neighbours_are_done(shop, sandbox):
    shop.configuration(worker__lease="900ms", worker__call_timeout="600ms", worker__patience="1ms")
    runtime = shop.ledger()
    # Whoever asks for it hangs, and is killed there.
    sandbox.add_fault(match={"order_id": POISON}, delay=60.0, when="before", times=1000)
    poison = ask(runtime, 1)
    neighbours = [ask(runtime, 2 + number) for number in range(NEIGHBOURS)]
    deaths = 0
    holders = {None}

    def is_in_new_hands():
        row = standing(runtime)[poison]
        return row.state in FINAL or (row.state == "running" and row.worker not in holders)

    while standing(runtime)[poison].state not in FINAL:
        worker = shop.start_worker()
        until(is_in_new_hands, WAIT)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        holders.add(standing(runtime)[poison].worker)
        deaths += 1
        assert deaths <= LOST_LEASES + 1  # the last one has only to find the lease ended
    row = standing(runtime)[poison]
    assert (row.state, row.lost_leases, row.error["code"]) == ("failed", LOST_LEASES, "WorkerLost")
    shop.start_worker()
    until(lambda: all(standing(runtime)[each].state in FINAL for each in neighbours), WAIT)
    assert {standing(runtime)[each].state for each in neighbours} == {"succeeded"}
    for each in sandbox.orders():
        assert each["changed"].get("ConfirmOrderReference", 0) <= 1, each

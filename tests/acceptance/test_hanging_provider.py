"""A seller whose provider hangs holds its own slots; the others' jobs pass by."""

from celery_shop import standing
from processes import until

from worker.domain.jobs import Task
from worker.ledger.acceptance import Terms
from worker.producers import new_id

HANGING, PASSING = 12, 8


def accept(runtime, task, name, **words):
    request = runtime.producers.request(task, (name,), words)
    return runtime.producers.accept(request, Terms(new_id(), "test", may_publish=False)).job_id


def test_the_jobs_of_another_seller_are_done_while_all_calls_of_one_hang(shop, sandbox):
    shop.configuration(worker__call_timeout="10s", worker__lease="15s")
    runtime = shop.ledger()
    sandbox.add_fault(match={"operation": "ConfirmOrderReference"}, times=None, delay=3600.0)
    shop.start_worker()
    hang = [
        accept(runtime, Task.CONFIRM, f"S01-3000000-{number:07}", seller="acme")
        for number in range(HANGING)
    ]
    until(lambda: in_state(runtime, hang, "running") == 3)  # of four slots
    words = {"seller": "mall", "reason": "SHORTAGE", "parent_order_id": "4711"}
    for number in range(PASSING):
        item = accept(runtime, Task.CANCEL, str(3000 + number), **words)
        until(lambda item=item: standing(runtime, [item])[item].finished_at)
    assert in_state(runtime, hang, "waiting") == HANGING - 3  # none of them has ended yet


def in_state(runtime, ids, state):
    return sum(row.state == state for row in standing(runtime, ids).values())

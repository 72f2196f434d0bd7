"""The sweep of stale orders, by real workers and without any command given."""

import pytest
from processes import until

from worker.domain.jobs import Task
from worker.ledger import keeping
from worker.ledger.acceptance import Terms
from worker.producers import new_id

CONFIRMED = 6
STALE = {"stale__every": "2s", "stale__after": "5s"}


def cancelled(sandbox):
    """How often each order was cancelled with effect, by the sandbox's own log."""
    return [
        entry.order_id for entry in sandbox.requests() if entry.operation == "CancelOrderReference"
    ]


def confirm(runtime, name):
    request = runtime.producers.request(Task.CONFIRM, (name,), {"seller": "acme"})
    runtime.producers.accept(request, Terms(new_id(), "test", may_publish=False))


def order(number):
    return f"S01-2000000-{number:07}"


@pytest.mark.parametrize("workers", [2])
def test_each_stale_order_is_cancelled_once_and_no_other(shop, sandbox, workers):
    shop.configuration(**STALE)
    runtime = shop.ledger()
    stale, paid, kept = (list(map(order, numbers)) for numbers in ((1, 2, 3), (4, 5), (6,)))
    for _ in range(workers):
        shop.start_worker()
    assert keeping.keep(runtime.ledger, "acme", kept[0], actor="somebody", why="a VIP")
    for name in [*stale, *paid, *kept]:
        confirm(runtime, name)
    # With their details read: a lookup that saw the payment would spare the sweep its check.
    until(lambda: len(shop.told("jobs", "--task", "confirm", "--state", "succeeded")) == CONFIRMED)
    sandbox.stage(paid[0], captures=[])  # authorized
    sandbox.stage(paid[1], captures=["Completed"])

    until(lambda: set(cancelled(sandbox)) >= set(stale))
    done = until(lambda: shop.told("jobs", "--task", "cancel", "--state", "succeeded"))
    assert {job["order_id"] for job in done} == set(stale)
    until(lambda: all(withdrawn(shop, name) for name in paid))
    assert sorted(cancelled(sandbox)) == sorted(stale)
    assert all(sandbox.order(name)["state"] == "Open" for name in [*paid, *kept])


def withdrawn(shop, name):
    return shop.told("jobs", "--order", name, "--state", "withdrawn")

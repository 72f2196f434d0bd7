"""A shop that has Amazon's own SDK for its payments and this worker for the rest: one flow."""

import time

import pytest
from foreign_clients import ACCESS_KEY, SECRET, SELLER, AmazonPaySdk, Refused

from worker import bootstrap
from worker.domain.jobs import Task
from worker.domain.staleness import ShopOrder
from worker.ledger import upgrade
from worker.ledger.acceptance import Terms
from worker.producers import new_id
from worker.settings import load

PAID, UNPAID = "S01-1234567-1234567", "S01-7654321-7654321"
CONFIGURATION = """
[ledger]
url = "sqlite:///{folder}/ledger.db"
[broker]
url = "memory://"
[stale]
after = "10ms"
[sellers.acme]
provider = "amazon_pay"
region = "na"
environment = "sandbox"
endpoint = "{endpoint}"
seller_id = "{seller}"
access_key = {{ env = "ACCESS_KEY" }}
secret_key = {{ env = "SECRET_KEY" }}
"""

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::ResourceWarning"
)


class Worker:
    """The ledger and the executor of a worker, in the test's own process."""

    def __init__(self, folder, endpoint):
        path = folder / "worker.toml"
        path.write_text(
            CONFIGURATION.format(folder=folder, endpoint=endpoint, seller=SELLER), encoding="utf-8"
        )
        environ = {
            "ORDER_WORKER_CONFIG": str(path),
            "ACCESS_KEY": ACCESS_KEY,
            "SECRET_KEY": SECRET,
        }
        self.runtime = bootstrap.build(load(path, environ))
        upgrade.ensure(self.runtime.ledger.database)

    def confirm(self, order):
        """The job, carried as far as it goes."""
        request = self.runtime.producers.request(Task.CONFIRM, (order,), {"seller": "acme"})
        terms = Terms(new_id(), "shop", may_publish=False)
        return self.runtime.executor.run(self.runtime.producers.accept(request, terms).job_id)

    def sweep(self, *orders):
        """What the sweep of stale orders says of them, once they are old enough for it."""
        stale = bootstrap.sweeps(self.runtime).stale
        given = [ShopOrder(order, None) for order in orders]
        give_up_at = time.monotonic() + 10
        while time.monotonic() < give_up_at:
            swept = stale.run("acme", given)
            if not any("its last job ended" in why for why in swept.left.values()):
                return swept
            time.sleep(0.01)
        raise AssertionError(f"Still too young: {swept.left}")

    def states(self, jobs):
        """Where each order's job ends."""
        return {order: self.runtime.executor.run(job).state for order, job in jobs.items()}

    def close(self):
        self.runtime.ledger.database.engine.dispose()


@pytest.fixture
def worker(tmp_path, sandbox):
    worker = Worker(tmp_path, sandbox.url)
    yield worker
    worker.close()


@pytest.fixture
def sdk(sandbox):
    sandbox.switch(unknown_order="constrained")  # as an order is that the widget has just made
    return AmazonPaySdk(sandbox.url)


def test_the_sdk_pays_what_the_worker_confirmed_and_the_sweep_leaves_it_alone(sdk, worker, sandbox):
    for order in (PAID, UNPAID):
        sdk.set_details(order, "10.00")
        job = worker.confirm(order)
        assert (job.state, job.receipt["order_state"]) == ("succeeded", "Open")

    authorization = sdk.authorize(PAID, "authorization-1", "10.00")
    assert sdk.authorization_state(authorization) == "Open"
    swept = worker.sweep(PAID, UNPAID)
    assert worker.states(swept.jobs) == {PAID: "withdrawn", UNPAID: "succeeded"}

    capture = sdk.capture(authorization, "capture-1", "10.00")
    assert sdk.capture_state(capture) == "Completed"
    assert sdk.authorization_state(authorization) == "Closed"
    assert "had an authorization or a capture" in worker.sweep(PAID).left[PAID]
    sdk.close_order(PAID, "sent")

    assert sandbox.order(PAID)["state"] == "Closed"
    assert sandbox.changed_by("CancelOrderReference") == [UNPAID]


def test_the_worker_does_not_confirm_an_order_without_its_details(sdk, worker):
    job = worker.confirm(PAID)
    assert (job.state, job.error["code"]) == ("rejected", "ConstraintsExist")
    with pytest.raises(Refused, match="InvalidOrderReferenceStatus"):
        sdk.authorize(PAID, "authorization-1", "10.00")

"""A confirm that failed while its provider was away succeeds by the schedule, as the same job."""

from processes import until

from worker.domain.jobs import Task
from worker.ledger.acceptance import Terms
from worker.producers import new_id

ORDER = "S01-4000000-0000001"
WITH_A_CONSTRAINT = "S01-4000000-0000002"


def confirm(runtime, name):
    request = runtime.producers.request(Task.CONFIRM, (name,), {"seller": "acme"})
    return runtime.producers.accept(request, Terms(new_id(), "test", may_publish=False)).job_id


def test_the_same_job_succeeds_once_its_provider_answers_again(shop, sandbox):
    shop.configuration(retry__every="1s", worker__max_attempts=1)
    runtime = shop.ledger()
    sandbox.stage(WITH_A_CONSTRAINT, constraints=["PaymentMethodNotAllowed"])
    sandbox.add_fault(
        match={"operation": "ConfirmOrderReference", "order_id": ORDER},
        times=None,
        answer={"status": 500, "body": "html"},
    )
    shop.start_worker()
    failing, refused = confirm(runtime, ORDER), confirm(runtime, WITH_A_CONSTRAINT)
    until(lambda: shop.told("show", failing)["state"] == "failed")
    sandbox.clear_faults()
    job = until(lambda: succeeded(shop, failing))
    assert any(step["actor"] == "retry sweep" for step in job["transitions"])
    assert sandbox.order(ORDER)["state"] == "Open"
    assert sandbox.order(ORDER)["changed"] == {"ConfirmOrderReference": 1}
    assert shop.told("show", refused)["state"] == "rejected"
    assert [job["id"] for job in shop.told("jobs", "--needs-attention")] == [refused]


def succeeded(shop, job_id):
    job = shop.told("show", job_id)
    return job if job["state"] == "succeeded" else None

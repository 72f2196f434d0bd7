"""The EU: an answered confirm waits for the buyer's bank, by a real worker."""

import pytest
from processes import until
from sqlalchemy import select

from worker.domain.jobs import FINAL, Task
from worker.ledger.acceptance import Terms
from worker.ledger.schema import jobs
from worker.producers import new_id

ORDER = "S01-3000000-0000001"
EU = {
    "sellers__acme__region": "eu",
    "sellers__acme__success_url": "https://shop.example/thanks",
    "sellers__acme__failure_url": "https://shop.example/again",
}
RETURN = 60.0  # seconds; who waits for a buyer looks after ten for the first time


class Seller:
    """One in the EU, with a worker that runs."""

    def __init__(self, shop, **overrides):
        shop.configuration(**EU, **overrides)
        self.runtime = shop.ledger()
        worker = shop.start_worker()
        until(lambda: " ready" in shop.log_of(worker))

    def ask(self, task, **words):
        """Record a job as a producer does; its id."""
        request = self.runtime.producers.request(task, (ORDER,), {"seller": "acme", **words})
        terms = Terms(new_id(), "test", may_publish=False)
        return self.runtime.producers.accept(request, terms).job_id

    def standing(self, job):
        with self.runtime.ledger.database.read() as connection:
            return connection.execute(select(jobs).where(jobs.c.id == job)).one()

    def confirm_that_waits(self):
        job = self.ask(Task.CONFIRM)
        until(lambda: self.standing(job).waiting_for == "buyer")
        return job

    def end_of(self, job):
        until(lambda: self.standing(job).state in FINAL, RETURN)
        return self.standing(job).state


@pytest.fixture
def open_shop(shop):
    return lambda **overrides: Seller(shop, **overrides)


def test_a_confirm_waits_for_the_buyer_and_succeeds_once_he_has_authenticated(
    shop, sandbox, open_shop
):
    sandbox.switch(sca="on")
    seller = open_shop()
    job = seller.confirm_that_waits()
    shown = shop.told("show", job)
    assert (shown["state"], shown["waiting_for"]) == ("waiting", "buyer")
    assert "the buyer's authentication" in shop.order_worker("show", job).stdout
    assert sandbox.order(ORDER)["state"] == "Draft"

    sandbox.stage(ORDER, buyer="approves")
    assert seller.end_of(job) == "succeeded"
    assert shop.told("show", job)["receipt"]["order_state"] == "Open"
    assert sandbox.order(ORDER)["accepted"] == {"ConfirmOrderReference": 1}


def test_a_buyer_who_takes_his_time_is_waited_for_without_anybodys_help(sandbox, open_shop):
    sandbox.switch(sca="approves", buyer_after_s=5)
    seller = open_shop()
    assert seller.end_of(seller.confirm_that_waits()) == "succeeded"
    assert sandbox.order(ORDER)["state"] == "Open"


@pytest.mark.parametrize("plays", [pytest.param("on", marks=pytest.mark.long), "declines"])
def test_a_confirm_whose_buyer_never_authenticates_fails_at_its_deadline(
    shop, sandbox, open_shop, plays
):
    sandbox.switch(sca=plays)
    seller = open_shop(worker__give_up_after_confirm="8s")
    job = seller.confirm_that_waits()
    assert seller.end_of(job) == "failed"
    assert shop.told("show", job)["error"]["message"] == "the buyer did not authenticate"
    assert sandbox.order(ORDER)["state"] == "Draft"


def test_a_confirm_that_waits_for_the_buyer_does_not_hold_its_order(sandbox, open_shop):
    sandbox.switch(sca="on")
    seller = open_shop()
    confirm = seller.confirm_that_waits()
    cancel = seller.ask(Task.CANCEL, reason="changed his mind")
    assert seller.end_of(cancel) == "succeeded"
    assert sandbox.changed_by("CancelOrderReference") == [ORDER]
    assert seller.end_of(confirm) == "withdrawn"

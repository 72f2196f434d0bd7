"""What a sweep's cancel must not do in the worst moment, on each database."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.conformance.steps import (
    APPLIED,
    THROTTLED,
    UNKNOWN,
    Quotas,
    accept,
    cancel,
    confirm,
    hold,
    job,
    order_id,
    rows,
    settle,
)
from tests.conformance.test_stale_checks import CANCEL, go_on, levels, still_open, swept
from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Policy
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing
from worker.executor import Executor
from worker.ledger import claims, keeping, retries
from worker.ledger.schema import attempts, jobs, orders

REFUSED = Answer(Outcome.REFUSED, message="connection refused")


class Provider:
    """Answers by a script, and notes what the ledger says at each call."""

    sca = False

    def __init__(self, ledger, answers):
        self.ledger = ledger
        self.answers = list(answers)
        self.sent = []

    def perform(self, asked):
        under_way = [row.step for row in rows(self.ledger, attempts) if row.finished_at is None]
        self.sent.append((str(asked.step), under_way))
        answer = self.answers.pop(0)
        return answer(asked) if callable(answer) else answer


class Clock:
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class FewCancels(Quotas):
    """Plenty of lookups, two cancels, and no more for a long time."""

    def _spec(self, seller, name):
        few = name == "CancelOrderReference"
        numbers = (2.0, 0.001) if few else (1000.0, 100.0)
        return BucketSpec(f"{seller}|{name}", seller, name, *numbers, "assumed")


def shown(asked):
    return replace(APPLIED, order=OrderView(asked.order_id, "Open", Standing.NOT_YET))


def run(ledger, provider, job_id):
    Executor(ledger, {"acme": provider}, Clock, "worker", jitter=lambda: 0.0).run(job_id)


@pytest.mark.parametrize("first", [THROTTLED, UNKNOWN, REFUSED])
def test_a_check_that_is_repeated_in_place_keeps_the_token_of_its_write(open_ledger, first):
    ledger = open_ledger(Quotas(capacity=10.0, rate=0.9), Policy(patience=3.0))
    provider = Provider(ledger, [first, shown, APPLIED])
    run(ledger, provider, accept(ledger, swept()).job_id)
    assert provider.sent[-1] == ("apply", ["apply"])
    assert not [row for row in rows(ledger, attempts) if row.number == 0]


def test_no_more_cancels_go_out_than_there_are_tokens_however_often_checks_are_repeated(
    open_ledger,
):
    ledger = open_ledger(FewCancels(), Policy())
    sent = []
    for number in range(1, 5):
        provider = Provider(ledger, [REFUSED, shown, APPLIED])
        run(ledger, provider, accept(ledger, swept(number)).job_id)
        sent += [step for step, _ in provider.sent if step == "apply"]
    assert len(sent) == 2
    assert levels(ledger)[CANCEL] == 0


def test_a_check_that_comes_back_empty_handed_lets_waiting_people_pass(ledger):
    held = hold(ledger, accept(ledger, swept()).job_id)
    asked = accept(ledger, confirm(1)).job_id
    claims.claim(ledger, asked, "another")
    assert job(ledger, asked).waiting_for == "order"
    settle(ledger, held, THROTTLED)
    assert hold(ledger, asked).job.id == asked


@pytest.mark.by_hand
def test_a_sweeps_cancel_that_may_have_been_applied_is_not_withdrawn_unread(open_ledger):
    ledger = open_ledger(Quotas(), Policy(doubt_limit=0.01))
    job_id = accept(ledger, swept()).job_id
    check = hold(ledger, job_id)
    go_on(ledger, check, still_open(check))
    with ledger.database.write() as connection:
        failed = {
            "state": "failed",
            "step": "lookup:doubt",
            "holds_key": False,
            "finished_at": time.time(),
            "lease_until": None,
            "error": {"kind": "outcome_unknown"},
            "sent_at": 1.0,
        }
        connection.execute(update(jobs).values(**failed))
        connection.execute(update(orders).values(in_doubt=True))
    retries.retry(open_ledger(WithoutKeys(known=())), job_id, actor="a person")
    keeping.keep(ledger, "acme", order_id(1), actor="a person", why=None)
    claims.claim(ledger, job_id, "worker")
    assert job(ledger, job_id).state != "withdrawn"


class WithoutKeys(Quotas):
    def can_look_up(self, _request):
        return False


def test_the_schedule_does_not_move_its_callers_own_limit_of_time(ledger):
    job_id = accept(ledger, confirm(1), expires_in=60.0).job_id
    expires_at = job(ledger, job_id).expires_at
    settle(ledger, hold(ledger, job_id), REFUSED, max_attempts=1)
    assert retries.retry(ledger, job_id, actor="a sweep", by_schedule=True).refusal is None
    assert job(ledger, job_id).give_up_at <= expires_at
    assert job(ledger, job_id).deadline <= expires_at


def test_the_schedule_decides_again_under_the_lock(ledger):
    job_id = accept(ledger, confirm(1)).job_id
    settle(ledger, hold(ledger, job_id), REFUSED, max_attempts=1)
    (found,) = retries.due_for_retry(ledger, 3600, 1, 10, "acme")
    assert found.why_not is None
    accept(ledger, cancel(1, reason="a person's"))
    late = retries.retry(ledger, job_id, actor="a sweep", by_schedule=True)
    assert late.refusal == "a newer job has taken its place"

"""A sweep's cancel on each database: both tokens or none, and the check decides under the lock."""

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
    decision_on,
    hold,
    job,
    looked_up,
    order_id,
    rows,
    settle,
)
from worker.domain.jobs import Policy, Step
from worker.domain.outcomes import Answer, Outcome, Standing
from worker.domain.staleness import PRIORITY, ShopOrder, StalePolicy
from worker.ledger import claims, keeping, recovery, settlements, stale
from worker.ledger.holds import Claim
from worker.ledger.parking import NotNow
from worker.ledger.schema import attempts, buckets, jobs, orders, transitions

STATES = ("Open",)
LOOKUP, CANCEL = "acme|GetOrderReferenceDetails", "acme|CancelOrderReference"
A_WHILE = 3600.0


def swept(number=1):
    return cancel(number, key=f"stale/{order_id(number)}", priority=PRIORITY, stale_states=STATES)


def still_open(held, **view):
    answer = looked_up(held, "Open", Standing.NOT_YET)
    return replace(answer, order=replace(answer.order, **view))


def go_on(ledger, held, answer):
    decision = decision_on(ledger, held, answer)
    assert decision.goes_on, decision
    return settlements.go_on(ledger, held, answer, decision)


def levels(ledger):
    return {row.key: round(row.level) for row in rows(ledger, buckets)}


def told(ledger, job_id):
    return job(ledger, job_id).error["message"]


@pytest.fixture
def slow(open_ledger):
    """Buckets that do not refill while a test looks."""
    return open_ledger(Quotas(capacity=10.0, rate=0.001))


def test_the_check_and_its_write_take_both_tokens_at_once(slow):
    held = hold(slow, accept(slow, swept()).job_id)
    assert held.job.step is Step.CHECK
    assert levels(slow) == {LOOKUP: 9, CANCEL: 9}
    assert job(slow, held.job.id).effect == "none"


def test_an_order_without_authorization_is_cancelled_within_the_claim(slow):
    check = hold(slow, accept(slow, swept()).job_id)
    write = go_on(slow, check, still_open(check))
    assert (write.job.step, job(slow, write.job.id).effect) == (Step.APPLY, "possible")
    assert write.token > check.token
    assert settle(slow, write)
    assert levels(slow) == {LOOKUP: 9, CANCEL: 9}
    looked, wrote = rows(slow, attempts)
    assert [(row.number, row.step) for row in (looked, wrote)] == [
        (1, "lookup:check"),
        (2, "apply"),
    ]
    assert looked.finished_at <= wrote.claimed_at  # else the two would seem to overlap
    assert [row.state for row in rows(slow, orders)] == ["Canceled"]


@pytest.mark.parametrize(
    ("view", "why"),
    [
        ({"authorizations": ("S01-1-A1",)}, "has an authorization (S01-1-A1)"),
        ({"state": "Suspended"}, "is Suspended, and the sweep cancels only Open"),
        ({"state": "Closed", "standing": Standing.EXCLUDED}, "is Closed"),
        ({"standing": Standing.MISSING}, "does not know the order"),
    ],
)
def test_what_speaks_for_an_order_withdraws_the_cancel_and_gives_its_token_back(slow, view, why):
    held = hold(slow, accept(slow, swept()).job_id)
    settle(slow, held, still_open(held, **view))
    row = job(slow, held.job.id)
    assert (row.state, row.effect, row.sends) == ("withdrawn", "none", 0)
    assert why in told(slow, held.job.id)
    assert levels(slow) == {LOOKUP: 9, CANCEL: 10}
    assert [row.number for row in rows(slow, attempts)] == [1]


def test_an_order_that_was_seen_authorized_is_not_looked_at_again(slow):
    held = hold(slow, accept(slow, swept()).job_id)
    settle(slow, held, still_open(held, authorizations=("S01-1-A1",)))
    assert rows(slow, orders)[0].authorized_at is not None
    found = stale.reasons(slow.database, policy(after=0.001), [order_id(1)])
    assert "had an authorization" in found[order_id(1)]


def test_an_order_that_the_provider_refuses_to_show_is_left_alone(slow):
    held = hold(slow, accept(slow, swept()).job_id)
    refusal = Answer(Outcome.REJECTED, status=404, code="InvalidOrderReferenceId")
    settle(slow, held, refusal)
    assert "cannot be read: InvalidOrderReferenceId" in told(slow, held.job.id)


def test_a_check_that_tells_nothing_is_repeated_and_its_write_waits(slow):
    held = hold(slow, accept(slow, swept()).job_id)
    settle(slow, held, UNKNOWN)
    row = job(slow, held.job.id)
    assert (row.state, row.step, row.effect) == ("waiting", "lookup:check", "none")
    assert levels(slow)[CANCEL] == 10


def test_a_write_that_was_throttled_begins_with_a_new_check(slow):
    check = hold(slow, accept(slow, swept()).job_id)
    write = go_on(slow, check, still_open(check))
    decision = decision_on(slow, write, THROTTLED)
    assert decision.retry_in is None
    settlements.settle(slow, write, THROTTLED, decision)
    row = job(slow, write.job.id)
    assert (row.state, row.step, row.effect) == ("waiting", "lookup:check", "none")


def test_a_lost_answer_is_looked_up_and_then_checked_anew(open_ledger):
    ledger = open_ledger(policy=Policy(lease=0.2, call_timeout=0.01, doubt_wait=0.01))
    check = hold(ledger, accept(ledger, swept()).job_id)
    settle(ledger, go_on(ledger, check, still_open(check)), UNKNOWN)
    for _ in range(2):
        doubt = when_due(ledger, check.job.id)
        assert doubt.job.step is Step.DOUBT
        settle(ledger, doubt, looked_up(doubt, "Open", Standing.NOT_YET))
    assert job(ledger, check.job.id).step == "lookup:check"


def test_an_order_that_is_kept_between_check_and_write_is_not_cancelled(slow):
    check = hold(slow, accept(slow, swept()).job_id)
    assert keep(slow)
    assert go_on(slow, check, still_open(check)) is None
    assert "kept by somebody" in told(slow, check.job.id)
    assert levels(slow)[CANCEL] == 10
    assert [row.new for row in rows(slow, transitions) if row.job_id is None] == ["kept"]


def test_what_somebody_asks_for_between_check_and_write_goes_first(slow):
    check = hold(slow, accept(slow, swept()).job_id)
    asked = accept(slow, confirm(1)).job_id
    assert go_on(slow, check, still_open(check)) is None
    assert asked in told(slow, check.job.id)


def test_a_sweep_stands_in_nobodys_way(slow):
    sweeps = accept(slow, swept()).job_id
    asked = accept(slow, confirm(1)).job_id
    assert hold(slow, asked).job.id == asked
    assert job(slow, sweeps).state == "withdrawn"


def test_an_order_with_an_open_job_or_that_is_kept_is_not_even_looked_up(slow):
    held = hold(slow, accept(slow, confirm(1)).job_id)
    beside = accept(slow, swept()).job_id
    assert isinstance(claims.claim(slow, beside, "worker"), NotNow)
    assert held.job.id in told(slow, beside)
    assert keep(slow, 2)
    kept = accept(slow, swept(2)).job_id
    claims.claim(slow, kept, "worker")
    assert (job(slow, kept).state, job(slow, kept).attempt_count) == ("withdrawn", 0)


def test_keeping_withdraws_what_the_sweep_has_recorded_and_releasing_lets_it_have_the_order(slow):
    waits = accept(slow, swept()).job_id
    assert keep(slow)
    assert not keep(slow)
    assert job(slow, waits).state == "withdrawn"
    assert keeping.keep(slow, "acme", order_id(1), actor="somebody", why=None, kept=False)
    assert hold(slow, accept(slow, swept()).job_id)
    assert [row.new for row in rows(slow, transitions) if row.job_id is None] == [
        "kept",
        "released",
    ]


def test_without_a_token_for_its_write_a_check_takes_none_and_keeps_its_turn(open_ledger):
    ledger = open_ledger(Quotas(capacity=1.0, rate=0.001))
    settle(ledger, hold(ledger, accept(ledger, cancel(9)).job_id))  # the only token of cancels
    waits = accept(ledger, swept()).job_id
    assert isinstance(claims.claim(ledger, waits, "worker"), NotNow)
    assert (job(ledger, waits).ready, job(ledger, waits).bucket) == (True, CANCEL)
    assert levels(ledger).get(LOOKUP, 1) == 1


def test_without_a_token_for_its_lookup_a_check_is_parked_and_its_write_is_left_to_others(
    open_ledger,
):
    ledger = open_ledger(Quotas(capacity=1.0, rate=0.001))
    confirmed = accept(ledger, confirm(9)).job_id
    settle(ledger, hold(ledger, confirmed), lookup_after_confirm=True)
    hold(ledger, confirmed)  # for its details: the only token of lookups
    waits = accept(ledger, swept()).job_id
    assert isinstance(claims.claim(ledger, waits, "worker"), NotNow)
    assert (job(ledger, waits).ready, job(ledger, waits).waiting_for) == (False, "quota")
    assert levels(ledger)[CANCEL] == 1
    assert hold(ledger, accept(ledger, cancel(8, priority=PRIORITY)).job_id)


def test_a_worker_that_is_lost_with_a_check_has_sent_nothing(open_ledger):
    ledger = open_ledger(policy=Policy(lease=0.05, call_timeout=0.01))
    check = hold(ledger, accept(ledger, swept()).job_id)
    eventually(lambda: recovery.recover(ledger, "another"))
    row = job(ledger, check.job.id)
    assert (row.state, row.step, row.effect) == ("waiting", "lookup:check", "none")
    assert [row.number for row in rows(ledger, attempts)] == [1]
    assert (
        settlements.go_on(
            ledger, check, still_open(check), decision_on(ledger, check, still_open(check))
        )
        is None
    )
    assert hold(ledger, check.job.id)


def test_a_late_worker_gives_nothing_back_twice(open_ledger):
    ledger = open_ledger(Quotas(rate=0.001), Policy(lease=0.05, call_timeout=0.01))
    check = hold(ledger, accept(ledger, swept()).job_id)
    eventually(lambda: recovery.recover(ledger, "another"))
    again = hold(ledger, check.job.id)
    late = still_open(check, authorizations=("S01-1-A1",))
    assert not settlements.settle(ledger, check, late, decision_on(ledger, check, late))
    assert go_on(ledger, again, still_open(again)) is not None


def policy(**changes):
    given = {"every": 1.0, "after": A_WHILE, "states": STATES, "limit": 10, **changes}
    return StalePolicy("acme", **given)


def age(ledger, seconds):
    """Let what the ledger knows of orders and jobs have happened so long ago."""
    with ledger.database.write() as connection:
        connection.execute(update(orders).values(state_at=orders.c.state_at - seconds))
        connection.execute(update(jobs).values(finished_at=jobs.c.finished_at - seconds))


def test_the_ledger_proposes_what_is_old_enough_and_says_why_not_the_others(ledger):
    for number in range(1, 6):
        settle(ledger, hold(ledger, accept(ledger, confirm(number)).job_id))
    age(ledger, 2 * A_WHILE)
    settle(ledger, hold(ledger, accept(ledger, confirm(6)).job_id))
    assert keep(ledger, 2)
    opened = accept(ledger, cancel(3, reason="out of stock")).job_id
    check = hold(ledger, accept(ledger, swept(4)).job_id)
    settle(ledger, check, still_open(check, authorizations=("S01-4-A1",)))
    assert list(stale.find(ledger.database, policy())) == [
        ShopOrder(order_id(1)),
        ShopOrder(order_id(5)),
    ]
    left, younger = stale.left_alone(ledger.database, policy())
    assert younger == 1
    assert left.keys() == {order_id(2), order_id(3), order_id(4)}
    assert "kept by somebody" in left[order_id(2)]
    assert opened in left[order_id(3)]
    assert "had an authorization" in left[order_id(4)]
    assert stale.reasons(ledger.database, policy(), [order_id(n) for n in range(1, 6)]) == left


def test_an_order_whose_cancel_came_to_nothing_is_not_swept_at_every_turn(ledger):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))
    age(ledger, 2 * A_WHILE)
    check = hold(ledger, accept(ledger, swept()).job_id)
    refused = Answer(Outcome.REJECTED, status=404, code="InvalidOrderReferenceId")
    settle(ledger, check, refused)
    assert list(stale.find(ledger.database, policy())) == []
    age(ledger, 2 * A_WHILE)
    assert list(stale.find(ledger.database, policy())) == [ShopOrder(order_id(1))]


def keep(ledger, number=1):
    return keeping.keep(ledger, "acme", order_id(number), actor="somebody", why="asked for it")


def when_due(ledger, job_id):
    return eventually(
        lambda: held if isinstance(held := claims.claim(ledger, job_id, "worker"), Claim) else None
    )


def eventually(what, seconds=10.0):
    give_up_at = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    return found


def test_a_success_that_no_lookup_tells_is_inferred(ledger):
    settle(ledger, hold(ledger, accept(ledger, cancel(1)).job_id), APPLIED)
    assert rows(ledger, orders)[0].state == "Canceled"

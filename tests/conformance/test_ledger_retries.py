"""A failed job is tried again on each database: the same one, once, and never blindly."""

import functools
import time
from collections import Counter

import pytest
from sqlalchemy import update

from tests.conformance.steps import (
    REFUSED,
    UNKNOWN,
    Quotas,
    accept,
    at_once,
    cancel,
    confirm,
    decision_on,
    hold,
    job,
    looked_up,
    rows,
    settle,
)
from worker.domain.jobs import Policy
from worker.domain.outcomes import Standing
from worker.ledger import (
    acceptance,
    claims,
    continuations,
    recovery,
    retries,
    rounds,
    withdrawals,
)
from worker.ledger.acceptance import Terms
from worker.ledger.holds import Claim
from worker.ledger.schema import aliases, attempts, jobs, orders, transitions

HOUR = 3600.0


def fail(ledger, request, **terms):
    """A job of which the one attempt that it had was refused."""
    job_id = accept(ledger, request, **terms).job_id
    settle(ledger, hold(ledger, job_id), REFUSED, max_attempts=1)
    assert job(ledger, job_id).state == "failed"
    return job_id


def fail_in_doubt(ledger, request):
    """A job that gave up on an outcome: its doubt passed the limit, which is a moment here."""
    job_id = accept(ledger, request).job_id
    settle(ledger, hold(ledger, job_id), UNKNOWN)
    set_job(ledger, job_id, deadline=0.0)
    assert recovery.recover(ledger, "dispatcher") == 1
    assert (job(ledger, job_id).state, job(ledger, job_id).effect) == ("failed", "possible")
    return job_id


def set_job(ledger, job_id, **values):
    with ledger.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def retry(ledger, job_id, **words):
    return retries.retry(ledger, job_id, **{"actor": "operator", **words})


def test_a_retry_is_the_same_job_with_its_history_and_all_its_attempts_anew(ledger):
    job_id = fail(ledger, confirm(1))
    set_job(ledger, job_id, lost_leases=4, give_up_at=1.0, deadline=1.0)
    assert retry(ledger, job_id, why="the provider is back").refusal is None
    row = job(ledger, job_id)
    assert (row.state, row.waiting_for, row.step) == ("waiting", "turn", "apply")
    assert (row.costs, row.backoffs, row.lost_leases, row.retries) == (0, 0, 0, 0)
    assert (row.finished_at, row.error, row.holds_key) == (None, None, True)
    assert row.deadline == row.give_up_at == pytest.approx(time.time() + 3 * HOUR, abs=60)
    assert row.attempt_count == 1
    last = rows(ledger, transitions)[-1]
    assert (last.old, last.new, last.actor) == ("failed", "waiting", "operator")
    assert last.why == (
        "the provider is back; it had failed: attempts_exhausted, connection refused"
    )
    settle(ledger, hold(ledger, job_id))
    assert job(ledger, job_id).state == "succeeded"
    assert [row.number for row in rows(ledger, attempts)] == [1, 2]


def test_a_dispatcher_publishes_it(ledger):
    job_id = fail(ledger, confirm(1))
    assert rounds.dispatch(ledger, "w", 4, (), 1.0).messages == []
    retry(ledger, job_id)
    found = rounds.dispatch(ledger, "w", 4, (), 1.0).messages
    assert [message.job.id for message in found] == [job_id]


def test_what_may_have_been_applied_is_looked_up_before_anything_is_sent(open_ledger):
    ledger = open_ledger(policy=Policy(lease=0.2, call_timeout=0.1, doubt_wait=0.05))
    job_id = fail_in_doubt(ledger, confirm(1))
    time.sleep(0.15)
    retry(ledger, job_id)
    row = job(ledger, job_id)
    assert (row.state, row.step, row.effect) == ("waiting", "lookup:doubt", "possible")
    assert row.deadline == pytest.approx(time.time() + 24 * HOUR, abs=60)  # a doubt's own limit
    assert row.give_up_at == pytest.approx(time.time() + 3 * HOUR, abs=60)
    withdrawals.withdraw(ledger, job_id, "operator", "no")
    held = hold(ledger, job_id)
    assert held.bucket.operation == "GetOrderReferenceDetails"
    settle(ledger, held, looked_up(held, "Open", Standing.REACHED))
    assert job(ledger, job_id).state == "succeeded"
    assert not rows(ledger, orders)[0].in_doubt


def test_an_answer_that_may_still_be_on_its_way_is_waited_for(ledger):
    job_id = fail_in_doubt(ledger, confirm(1))
    retry(ledger, job_id)
    row = job(ledger, job_id)
    assert not row.ready
    assert row.due_at == pytest.approx(row.sent_at + ledger.policy.call_timeout, abs=0.1)


def test_a_job_of_an_order_in_doubt_begins_with_a_lookup_too(ledger):
    job_id = fail(ledger, confirm(1))
    fail_in_doubt(ledger, cancel(1))
    retry(ledger, job_id)
    assert claims.claim(ledger, job_id, "worker").again
    assert hold(ledger, job_id).bucket.operation == "GetOrderReferenceDetails"


def test_while_a_newer_job_holds_its_key_it_is_refused_with_its_name(ledger):
    job_id = fail(ledger, confirm(1))
    newer = accept(ledger, confirm(1)).job_id
    refusal = retry(ledger, job_id).refusal
    assert refusal == f"job {newer} has taken its place, and is waiting: see to that one"
    assert job(ledger, job_id).state == "failed"
    withdrawals.withdraw(ledger, newer, "operator", "no")
    assert retry(ledger, job_id).refusal is None
    assert accept(ledger, confirm(1)).job_id == job_id  # asking again finds it


@pytest.mark.by_hand
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("waiting", "still open"),
        ("running", "a worker has it now"),
        ("in_doubt", "looked up first"),
        ("succeeded", "ask anew with `again`"),
        ("rejected", "remedy what the provider refused"),
        ("withdrawn", "it was withdrawn"),
    ],
)
def test_only_what_failed_is_retried_and_each_other_state_has_its_sentence(ledger, state, said):
    job_id = accept(ledger, confirm(1)).job_id
    set_job(ledger, job_id, state=state)
    assert said in retry(ledger, job_id).refusal
    assert job(ledger, job_id).state == state
    assert len(rows(ledger, transitions)) == 1


def test_an_unknown_job_is_told(ledger):
    assert retry(ledger, "nobody") == retries.Retried(None, "it is not in the ledger")


def test_of_those_who_retry_at_once_one_does_and_the_others_are_told(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for order in range(10):
        job_id = fail(ledgers[0], confirm(order))
        tries = [functools.partial(retry, ledgers[number % 2], job_id) for number in range(8)]
        answers = Counter(each.refusal for each in at_once(tries))
        assert answers.pop(None) == 1
        assert [said.startswith("it is still open") for said in answers] == [True]
        went = [row for row in rows(ledgers[0], transitions) if row.job_id == job_id]
        assert [row.new for row in went] == ["waiting", "running", "failed", "waiting"]
        with ledgers[0].database.write() as connection:
            connection.exec_driver_sql("UPDATE order_worker_buckets SET level = 10")


@pytest.mark.by_hand
def test_retries_claims_and_new_jobs_of_a_key_at_once_leave_one_holder(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for order in range(10):
        job_id = fail(ledgers[0], confirm(order))
        works = [
            functools.partial(retry, ledgers[0], job_id),
            functools.partial(claims.claim, ledgers[1], job_id, "worker"),
            functools.partial(accept, ledgers[1], confirm(order)),
            functools.partial(recovery.recover, ledgers[0], "dispatcher"),
        ]
        retried, claimed, accepted, _ = at_once(works)
        holders = [
            row.id
            for row in rows(ledgers[0])
            if row.order_id == confirm(order).order_id and row.holds_key
        ]
        assert len(holders) == 1
        assert (retried.refusal is None) == (holders == [job_id])
        assert accepted.job_id == holders[0]
        assert not isinstance(claimed, Claim) or holders == [job_id]
        with ledgers[0].database.write() as connection:
            connection.exec_driver_sql("UPDATE order_worker_buckets SET level = 10")


def test_a_shops_open_transaction_for_the_same_holds_a_retry_up_for_a_moment_only(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer: the retry waits for the shop's commit")
    ledger = open_ledger()
    job_id = fail(ledger, confirm(1))
    with ledger.database.write() as connection:
        acceptance.accept_within(ledger, connection, confirm(1), Terms("newer", "producer"))
        began = time.monotonic()
        assert "at this moment" in retry(ledger, job_id).refusal
        assert 1.5 < time.monotonic() - began < 5.0
    assert job(ledger, job_id).state == "failed"
    assert "job newer" in retry(ledger, job_id).refusal


def test_what_hangs_on_it_is_told_again_when_it_has_ended_again(ledger):
    job_id = fail(ledger, confirm(1), options={"link": "x"})
    set_job(ledger, job_id, holds_key=True)
    accept(ledger, confirm(1), job_id="alias", options={"link": "y"})
    set_job(ledger, job_id, holds_key=False, publish_at=0.0)
    told = {message.id for message in rounds.dispatch(ledger, "w", 4, (), 1.0).messages}
    assert told == {job_id, "alias"}
    for task_id in told:
        continuations.fired(ledger.database, task_id)
    retry(ledger, job_id)
    for task_id in told:  # a worker that was still at the first ending
        continuations.fired(ledger.database, task_id)
    assert {job(ledger, job_id).continued_at, rows(ledger, aliases)[0].continued_at} == {None}
    assert {message.id for message in rounds.dispatch(ledger, "w", 4, (), 1.0).messages} == {job_id}
    settle(ledger, hold(ledger, job_id))
    set_job(ledger, job_id, publish_at=0.0)
    again = {message.id for message in rounds.dispatch(ledger, "w", 4, (), 1.0).messages}
    assert again == told


def test_a_retry_waits_behind_checkouts_and_the_schedules_behind_a_persons(ledger):
    ids = [fail(ledger, confirm(order)) for order in range(3)]
    retry(ledger, ids[0], by_schedule=True)
    retry(ledger, ids[1])
    found = [(row.priority, row.retries) for row in rows(ledger)]
    assert found == [(20, 1), (10, 0), (0, 0)]


# What the schedule finds.


def due(ledger, since=HOUR, at_most=3, limit=100):
    found = retries.due_for_retry(ledger, since, at_most, limit)
    return {each.job_id: each.why_not for each in found}


def test_the_schedule_retries_what_time_may_have_healed(ledger):
    job_id = fail(ledger, confirm(1))
    unknown = fail_in_doubt(ledger, confirm(2))
    assert due(ledger) == {job_id: None, unknown: "it needs a person"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"retries": 3}, "the schedule has retried it 3 times"),
        ({"accepted_at": time.time() - 3 * HOUR - 1}, "older than the 3 h that its provider"),
        ({"expires_at": time.time() - 1}, "the time that its caller gave it"),
        ({"error": {"kind": "buyer"}}, "it needs the buyer"),
    ],
)
def test_it_leaves_alone_what_time_does_not_heal(ledger, values, said):
    job_id = fail(ledger, confirm(1))
    set_job(ledger, job_id, **values)
    assert said in due(ledger)[job_id]


def test_it_finds_neither_old_failures_nor_cancels_nor_other_states(ledger):
    set_job(ledger, fail(ledger, confirm(1)), finished_at=time.time() - HOUR - 1)
    fail(ledger, cancel(2))
    accept(ledger, confirm(3))
    assert due(ledger) == {}


def test_it_leaves_alone_what_a_newer_job_has_superseded(ledger):
    ids = [fail(ledger, confirm(order)) for order in range(3)]
    withdrawals.withdraw(ledger, accept(ledger, confirm(0)).job_id, "operator", "not wanted")
    accept(ledger, cancel(1))
    withdrawals.withdraw(ledger, accept(ledger, cancel(2)).job_id, "sweep", "it is authorized")
    superseded = "a newer job has taken its place"
    assert due(ledger) == dict(zip(ids, [superseded, superseded, None], strict=True))


def test_it_leaves_other_sellers_to_those_who_have_their_keys(open_ledger):
    ledger = open_ledger(Quotas(known=("acme", "other")))
    ours, theirs = fail(ledger, confirm(1)), fail(ledger, confirm(1, seller="other"))
    keyless = "this process has not the keys of its seller"
    assert due(open_ledger()) == {ours: None, theirs: keyless}
    found = retries.due_for_retry(ledger, HOUR, 3, 100, seller="other")
    assert [(each.job_id, each.why_not) for each in found] == [(theirs, None)]


def test_it_takes_the_earliest_failures_first_and_no_more_than_it_may(ledger, monkeypatch):
    monkeypatch.setattr(retries, "PAGE", 2)
    ids = [fail(ledger, confirm(order)) for order in range(7)]
    at = time.time()
    for place, job_id in enumerate(reversed(ids)):
        set_job(ledger, job_id, finished_at=at - 60 + place // 2)
    assert set(due(ledger)) == set(ids)
    assert list(due(ledger, limit=1)) == [ids[5]]
    assert list(due(ledger, limit=3)) == [ids[5], ids[6], ids[3]]


def test_a_callers_own_limit_is_kept(ledger):
    job_id = accept(ledger, confirm(1), expires_in=60.0).job_id
    row = job(ledger, job_id)
    assert row.expires_at == row.deadline == pytest.approx(row.accepted_at + 60.0)
    assert decision_on(ledger, hold(ledger, job_id), REFUSED).state == "waiting"

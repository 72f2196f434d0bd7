"""A job's life on each database: claimed, answered, parked, woken, lost, taken back."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.conformance.steps import (
    DENIED,
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
    rows,
    settle,
)
from worker.domain.jobs import Policy
from worker.domain.outcomes import Standing
from worker.ledger import (
    claims,
    outside,
    queries,
    recovery,
    rounds,
    routing,
    settlements,
    standings,
    withdrawals,
)
from worker.ledger.filters import Filters
from worker.ledger.parking import NotNow
from worker.ledger.schema import attempts, buckets, jobs, orders, transitions

HASTY = Policy(lease=0.2, call_timeout=0.1, doubt_wait=0.05)


def states(ledger):
    return [row.state for row in rows(ledger)]


def test_a_confirm_is_applied_and_then_its_details_are_read(ledger):
    job_id = accept(ledger, confirm(1)).job_id
    held = hold(ledger, job_id)
    assert job(ledger, job_id).effect == "possible"
    assert settle(ledger, held, lookup_after_confirm=True)
    held = hold(ledger, job_id)
    assert held.job.step.is_lookup
    settle(ledger, held, looked_up(held))
    assert [row.new for row in rows(ledger, transitions) if row.subject == "job"] == [
        *["waiting", "running"] * 2,
        "succeeded",
    ]
    assert [row.state for row in rows(ledger, orders)] == ["Open"]
    assert job(ledger, job_id).receipt is not None


def test_a_lost_answer_is_looked_up_before_anything_is_sent(open_ledger):
    ledger = open_ledger(policy=HASTY)
    job_id = accept(ledger, cancel(1)).job_id
    settle(ledger, hold(ledger, job_id), UNKNOWN)
    assert states(ledger) == ["in_doubt"]
    wait_until_due(ledger, job_id)
    held = hold(ledger, job_id)
    assert held.bucket.operation == "GetOrderReferenceDetails"
    settle(ledger, held, looked_up(held, "Canceled", Standing.REACHED))
    assert states(ledger) == ["succeeded"]
    assert len(rows(ledger, attempts)) == 2


def wait_until_due(ledger, job_id):
    time.sleep(max(0.0, job(ledger, job_id).due_at - time.time()) + 0.05)
    routing.wake_sleepers(ledger)
    assert job(ledger, job_id).ready


def test_a_throttled_call_is_tried_again_under_the_same_claim(ledger):
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    assert settlements.note(ledger, held, THROTTLED, decision_on(ledger, held, THROTTLED))
    assert claims.take(ledger, held) is None  # the throttle has emptied the bucket
    with ledger.database.write() as connection:
        connection.execute(buckets.update().values(level=3.0))
    more = claims.take(ledger, held)
    assert more.token == held.token + 1
    assert not settle(ledger, held)  # the first token is no longer the job's
    assert settle(ledger, more)
    assert [row.outcome for row in rows(ledger, attempts)] == ["throttled", "applied"]


def test_an_ended_lease_is_taken_away_and_its_worker_is_late(open_ledger, caplog):
    caplog.set_level("INFO", "worker.ledger")
    ledger = open_ledger(policy=HASTY)
    job_id = accept(ledger, confirm(1)).job_id
    held = hold(ledger, job_id)
    assert recovery.recover(ledger, "dispatcher") == 0
    time.sleep(HASTY.lease + 0.05)
    assert recovery.recover(ledger, "dispatcher") == 1
    assert not settle(ledger, held)
    assert states(ledger) == ["in_doubt"]
    assert [row.outcome for row in rows(ledger, attempts)] == ["unknown"]
    warnings = [each.order_worker_words for each in caplog.records if each.levelname == "WARNING"]
    for told in warnings:
        assert (told["job"], told["seller"], told["order"]) == (job_id, "acme", confirm(1).order_id)
    attempt, job_line = sorted(warnings, key=lambda told: told["event"])
    assert (attempt["event"], attempt["lost_worker"]) == ("attempt", "worker")
    assert (job_line["event"], job_line["was"], job_line["state"]) == ("job", "running", "in_doubt")


def test_a_job_of_a_busy_order_waits_and_is_woken_by_the_settle(ledger):
    first, second = (accept(ledger, request).job_id for request in (confirm(1), cancel(1)))
    held = hold(ledger, first)
    assert isinstance(claims.claim(ledger, second, "other"), NotNow)
    assert job(ledger, second).waiting_for == "order"
    settle(ledger, held)
    assert job(ledger, second).ready
    settle(ledger, hold(ledger, second))
    assert states(ledger) == ["succeeded", "succeeded"]


def test_a_cancel_takes_back_the_confirm_that_nobody_has_begun(ledger):
    accept(ledger, confirm(1))
    hold(ledger, accept(ledger, cancel(1)).job_id)
    assert states(ledger) == ["withdrawn", "running"]


def test_only_what_waits_is_withdrawn(ledger):
    first, second = (accept(ledger, confirm(order)).job_id for order in (1, 2))
    hold(ledger, first)
    for job_id in (first, second):
        withdrawals.withdraw(ledger, job_id, "operator", "not wanted")
    assert states(ledger) == ["running", "withdrawn"]
    assert withdrawals.withdraw(ledger, "nobody", "operator", "") is None


def test_a_wrong_key_closes_all_buckets_of_its_seller_alone(open_ledger):
    ledger = open_ledger(Quotas(known=("acme", "other")))
    routing.prepare(ledger)
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id), DENIED)
    closed = {(row.seller, row.closed_for) for row in rows(ledger, buckets)}
    assert closed == {("acme", "credentials"), ("other", None)}
    routing.prepare(ledger)  # a restart is how a changed key arrives
    assert {row.open_at for row in rows(ledger, buckets)} == {0.0}


def test_a_missing_role_closes_its_operation_alone_and_costs_the_job_nothing(ledger):
    routing.prepare(ledger)
    role = replace(DENIED, code="AccessDenied", scope="operation")
    refused = accept(ledger, confirm(1)).job_id
    settle(ledger, hold(ledger, refused), role)
    closed = {row.operation: row.closed_for for row in rows(ledger, buckets)}
    assert closed.pop("ConfirmOrderReference") == "credentials"
    assert set(closed.values()) == {None}
    assert (job(ledger, refused).state, job(ledger, refused).costs) == ("waiting", 0)
    assert hold(ledger, accept(ledger, cancel(2)).job_id)
    (told,) = queries.of_ids(ledger, [refused])
    assert (told["waiting_for"], told["expected_at"]) == ("credentials", None)
    assert told["expected_basis"] == "the provider has to accept the seller's credentials first"


def test_what_no_process_can_route_waits_without_a_spinning_dispatcher(open_ledger):
    ledger = open_ledger()
    job_id = accept(ledger, confirm(1, seller="unknown")).job_id
    routing.wake_sleepers(ledger)
    assert rounds.dispatch(ledger, "w", 4, (), 1.0).next_in == 1.0
    knowing = open_ledger(Quotas(known=("unknown",)))
    routing.prepare(knowing)
    routing.wake_sleepers(knowing)
    found = rounds.dispatch(knowing, "w", 4, (), 1.0)
    assert [message.job.id for message in found.messages] == [job_id]


def test_jobs_of_yesterdays_key_move_to_the_buckets_of_todays(open_ledger):
    ledger = open_ledger(Quotas(known=("acme", "gone")))
    ours = accept(ledger, confirm(1)).job_id
    others = accept(ledger, confirm(1, seller="gone")).job_id
    today = job(ledger, ours).bucket
    with ledger.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == ours).values(bucket="acme|old key"))
    knowing = open_ledger()
    routing.prepare(knowing)
    assert (job(ledger, ours).bucket, job(ledger, ours).ready) == (None, False)
    routing.wake_sleepers(knowing)
    assert (job(ledger, ours).bucket, job(ledger, ours).ready) == (today, True)
    assert job(ledger, others).bucket is not None


def test_a_round_publishes_by_turns_and_no_more_than_there_are_slots(open_ledger):
    ledger = open_ledger(Quotas(known=("acme", "other")))
    routing.prepare(ledger)
    for number in range(6):
        accept(ledger, confirm(number), may_publish=False)
    accept(ledger, confirm(1, seller="other"), may_publish=False)
    found = rounds.dispatch(ledger, "w", 3, (), 1.0).messages
    assert sorted(message.job.seller for message in found) == ["acme", "acme", "other"]
    rounds.unmark(ledger, [message.job.id for message in found])
    assert {row.publish_at for row in rows(ledger)} == {0.0}


@pytest.mark.parametrize("value", [{"a": [1, None, "ü\x00"]}, {}])
def test_results_and_groups_of_other_tasks_are_kept(ledger, value):
    kinds = (
        (outside.store_result, outside.load_result, outside.forget_result, ("SUCCESS", value)),
        (outside.store_group, outside.load_group, outside.forget_group, (value,)),
    )
    for store, load, forget, arguments in kinds:
        for _ in range(2):
            store(ledger.database, "id", *arguments)
        assert load(ledger.database, "id") == value
        forget(ledger.database, "id")
        assert load(ledger.database, "id") is None


def test_jobs_are_found_by_every_filter(ledger):
    ids = [accept(ledger, each).job_id for each in (confirm(1), cancel(1), confirm(2))]
    accept(ledger, confirm(1), job_id="alias")
    settle(ledger, hold(ledger, ids[0]))

    def found(**filters):
        return [each["id"] for each in queries.find(ledger, Filters(**filters), 50)]

    assert found() == ids[::-1]
    assert found(states=["succeeded"]) == ids[:1]
    assert found(task="cancel") == found(order_id=confirm(1).order_id, task="cancel") == ids[1:2]
    assert found(before=ids[2], seller="acme") == [ids[1], ids[0]]
    assert queries.of_order(ledger, confirm(1).order_id) == ids[:2]
    assert queries.id_of(ledger, "alias") == ids[0]
    assert queries.beginning_with(ledger, ids[0][:4]) == ids[::-1]
    assert queries.beginning_with(ledger, "%") == []
    assert [each["id"] for each in queries.of_ids(ledger, ids, details=True)] == ids


def test_the_standings_tell_who_waits_for_what(ledger):
    routing.prepare(ledger)
    for number in range(12):
        accept(ledger, confirm(number))
    hold(ledger, rows(ledger)[0].id)
    told = {each["operation"]: each for each in standings.quotas(ledger)}
    assert told["ConfirmOrderReference"]["ready"] == 11
    assert told["ConfirmOrderReference"]["in_flight"] == 1
    assert 8.9 <= told["ConfirmOrderReference"]["tokens"] <= 9.1
    assert told["CancelOrderReference"]["tokens"] == 10.0

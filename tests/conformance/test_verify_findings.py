"""Each rule of `verify` on a ledger made by the ledger's own verbs: one row is edited by hand, and
exactly that is found.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import insert

from tests.conformance.steps import (
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
from tests.conformance.test_stale_checks import go_on, still_open, swept
from worker.domain.jobs import Policy
from worker.domain.outcomes import Answer, Outcome, Standing
from worker.ledger import claims, outside, routing, settlements, withdrawals
from worker.ledger.schema import attempts, buckets, jobs, orders, transitions
from worker.ledger.verification import histories, replay

pytestmark = pytest.mark.by_hand

HASTY = Policy(lease=5.0, call_timeout=0.02, doubt_wait=0.02)
REJECTED = Answer(Outcome.REJECTED, status=400, code="ConstraintsExist")
SECRET = "not-a-real-secret"
FAR = 40 * 365 * 86400.0  # seconds


def waiting(ledger):
    accept(ledger, cancel(1, reason="sold out"))


def running(ledger):
    hold(ledger, accept(ledger, confirm(1)).job_id)


def applied(ledger):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))


def rejected(ledger):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id), REJECTED)


def withdrawn(ledger):
    withdrawals.withdraw(ledger, accept(ledger, confirm(1)).job_id, "operator", "not wanted")


def applied_after_a_throttle(ledger):
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    settlements.note(ledger, held, THROTTLED, decision_on(ledger, held, THROTTLED))
    edit(ledger, buckets, "level", 1.0)
    settle(ledger, claims.take(ledger, held))


def confirmed_and_then_cancelled(ledger):
    applied(ledger)
    settle(ledger, hold(ledger, accept(ledger, cancel(1)).job_id))


def sent_again_after_two_lookups(ledger):
    job_id = accept(ledger, cancel(1)).job_id
    settle(ledger, hold(ledger, job_id), UNKNOWN)
    for _ in range(2):
        held = hold_when_due(ledger, job_id)
        settle(ledger, held, looked_up(held, "Open", Standing.NOT_YET))
    settle(ledger, hold_when_due(ledger, job_id))


def given_up_in_doubt(ledger):
    job_id = accept(ledger, cancel(1)).job_id
    settle(ledger, hold(ledger, job_id), UNKNOWN)
    time.sleep(0.05)
    settle(ledger, hold_when_due(ledger, job_id), UNKNOWN, doubt_limit=0.01)
    assert job(ledger, job_id).state == "failed"


def cancelled_by_a_sweep(ledger):
    check = hold(ledger, accept(ledger, swept()).job_id)
    settle(ledger, go_on(ledger, check, still_open(check)))


def three_calls_of_a_small_bucket(ledger):
    for order in range(3):
        job_id = accept(ledger, confirm(order)).job_id
        until = time.monotonic() + 10.0
        while isinstance(held := claims.claim(ledger, job_id, "worker"), claims.NotNow):
            assert time.monotonic() < until
            time.sleep(0.01)
        settle(ledger, held)


def asked_twice(ledger):
    applied(ledger)
    accept(ledger, confirm(1), job_id="asked-again")


def hold_when_due(ledger, job_id):
    until = time.monotonic() + 10.0
    while job(ledger, job_id).due_at > ledger.database._clock():
        assert time.monotonic() < until
        time.sleep(0.01)
    routing.wake_sleepers(ledger)
    return hold(ledger, job_id)


def edit(ledger, table, column, value, which=0):
    """Write one value of one row, the keys between tables and all rules of ours disregarded."""
    row = rows(ledger, table)[which]
    (key, *_) = table.primary_key.columns
    with without_keys(ledger) as connection:
        connection.execute(
            table.update().where(key == getattr(row, key.name)).values({column: value})
        )


def remove(ledger, table, which=0):
    row = rows(ledger, table)[which]
    (key, *_) = table.primary_key.columns
    with without_keys(ledger) as connection:
        connection.execute(table.delete().where(key == getattr(row, key.name)))


@contextmanager
def without_keys(ledger):
    """As somebody with the database's own tool has it."""
    with ledger.database.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        if ledger.database.is_sqlite:
            raw.execute("PRAGMA foreign_keys=OFF")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection
        connection.commit()
        connection.invalidate()


def now(ledger):
    with ledger.database.read() as connection:
        return ledger.database.now(connection)


def shifted(table, column, seconds, which=0):
    def shift(ledger):
        at = getattr(rows(ledger, table)[which], column)
        edit(ledger, table, column, at + seconds, which)

    return shift


def at(table, column, value, which=0):
    return lambda ledger: edit(ledger, table, column, value, which)


def in_flight_for_ever(ledger):
    edit(ledger, attempts, "finished_at", None)
    edit(ledger, attempts, "outcome", None)


def ended_later(ledger):
    """A's last transition as if it had been written after B's first."""
    last = next(row for row in rows(ledger, transitions) if row.new == "succeeded")
    which = rows(ledger, transitions).index(last)
    edit(ledger, transitions, "id", 1000, which)


def too_early(ledger):
    first = rows(ledger, attempts)[1].claimed_at
    edit(ledger, attempts, "claimed_at", first + 0.001, which=2)


def of_nobody(ledger):
    with ledger.database.write() as connection:
        values = {"at": 1.0, "subject": "order", "new": "kept", "actor": "somebody"}
        connection.execute(insert(transitions).values(values))


def revealed_in_a_result(ledger):
    outside.store_result(ledger.database, "task-1", "SUCCESS", {"result": [SECRET]})


def without_its_job(ledger):
    remove(ledger, jobs)


@dataclass(frozen=True)
class Case:
    invariant: int
    sentence: str  # the beginning of the rule's
    made: Any
    edited: Any
    found: str  # a part of what is said


CASES = [
    Case(1, "A job that is not final", waiting, shifted(jobs, "due_at", FAR), "due_at is 40 years"),
    Case(1, "A job that is not final", applied, at(jobs, "finished_at", None), "no finished_at"),
    Case(1, "A job that is not final", applied, at(jobs, "ready", True), "ready to run"),
    Case(1, "An id that stands", asked_twice, lambda _: None, ""),
    Case(2, "At most one job per key", withdrawn, at(jobs, "holds_key", True), "holds the key"),
    Case(2, "At most one job per key", waiting, at(jobs, "holds_key", False), "not hold its key"),
    Case(
        2,
        "A write is sent after",
        sent_again_after_two_lookups,
        at(attempts, "outcome", "refused", 1),
        "with one lookup",
    ),
    Case(
        2,
        "A job's effect is",
        given_up_in_doubt,
        at(jobs, "effect", "none"),
        "attempt 1 was never answered, and its effect is none",
    ),
    Case(2, "A job's effect is", applied, at(jobs, "effect", "none"), "has succeeded"),
    Case(2, "A job's effect is", withdrawn, at(jobs, "effect", "applied"), "is withdrawn, and"),
    Case(2, "A job's effect is", running, at(jobs, "effect", "none"), "attempt 1 is on its way"),
    Case(
        2,
        "What was applied has succeeded",
        rejected,
        at(attempts, "outcome", "applied"),
        "attempt 1 was applied, and the job is rejected",
    ),
    Case(
        2,
        "What was applied is not sent again",
        applied_after_a_throttle,
        at(attempts, "outcome", "applied"),
        "attempt 2 was sent after 1 was applied",
    ),
    Case(
        2,
        "An order whose outcome was given up",
        given_up_in_doubt,
        at(orders, "in_doubt", False),
        "its order is not in doubt",
    ),
    Case(3, "The jobs of an order", confirmed_and_then_cancelled, ended_later, "began to run"),
    Case(
        3,
        "The calls of an order",
        confirmed_and_then_cancelled,
        shifted(attempts, "finished_at", 60.0),
        "was not back",
    ),
    Case(3, "An order that was claimed", applied, lambda led: remove(led, orders), "has no row"),
    Case(4, "Only a running job", applied, in_flight_for_ever, "attempt 1 is in flight"),
    Case(4, "In any t seconds", three_calls_of_a_small_bucket, too_early, "tokens short"),
    Case(4, "A bucket has", applied, at(buckets, "level", -7.0), "has -7 tokens of 10"),
    Case(4, "A bucket has", applied, at(buckets, "level", 17.0), "has 17 tokens of 10"),
    Case(4, "A bucket has", applied, shifted(buckets, "level_at", 9000.0), "s ahead"),
    Case(4, "A bucket has", applied, shifted(buckets, "open_at", 9e10), "is closed until"),
    Case(
        5,
        "A job's state is that of its last",
        waiting,
        at(transitions, "new", "rejected"),
        "is waiting, and its last transition went to rejected",
    ),
    Case(
        5,
        "Each transition begins",
        applied,
        lambda led: remove(led, transitions, 1),
        "goes from running to succeeded, and the job was waiting",
    ),
    Case(5, "Times do not go backwards", applied, shifted(transitions, "at", -60.0, 2), "60 s bef"),
    Case(5, "An attempt and a transition", waiting, without_its_job, "which is not there"),
    Case(5, "A transition that is of no job", applied, of_nobody, "neither a job nor an order"),
    Case(
        6, "Attempts are counted", applied_after_a_throttle, at(jobs, "costs", 1), "counts 1 send"
    ),
    Case(6, "Attempts are counted", applied, at(jobs, "attempt_count", 3), "counts 3 attempts"),
    Case(6, "Attempts are counted", applied, at(jobs, "sends", 0), "counts 0 sends"),
    Case(7, "A running job has", waiting, at(jobs, "worker", "w"), "is waiting and has a worker"),
    Case(7, "A running job has", running, at(jobs, "lease_until", None), "has no lease_until"),
    Case(7, "A running job has", running, shifted(jobs, "lease_until", 9e6), "is leased for"),
    Case(8, "No secret", waiting, at(jobs, "reason", f"by {SECRET}"), "stands in its reason"),
    Case(8, "No secret", applied, revealed_in_a_result, "stands in its meta"),
    Case(
        9,
        "The cancel of a sweep",
        cancelled_by_a_sweep,
        at(attempts, "outcome", "unknown"),
        "attempt 2 was sent without a check",
    ),
    Case(10, "Every row can be read", waiting, at(jobs, "state", "asleep"), "state is 'asleep'"),
    Case(10, "Every row can be read", applied, at(attempts, "outcome", "fine"), "outcome is 'fin"),
    Case(10, "A job that has lost", waiting, at(jobs, "lost_leases", 5), "has lost 5 leases"),
]


@pytest.fixture
def made(open_ledger, request):
    """A ledger with a case's jobs, in order before they are edited."""
    case = request.param
    small = case.made is three_calls_of_a_small_bucket
    ledger = open_ledger(Quotas(1.0, 10.0) if small else None, HASTY)
    case.made(ledger)
    assert list(replay.findings(ledger, [SECRET])) == []
    return ledger


@pytest.mark.parametrize(
    ("made", "case"),
    [(case, case) for case in CASES if case.found],
    indirect=["made"],
    ids=[f"{case.invariant}-{case.found}" for case in CASES if case.found],
)
def test_a_row_that_was_edited_is_found_and_nothing_else(made, case):
    case.edited(made)
    found = list(replay.findings(made, [SECRET]))
    assert {(one.rule.invariant, one.rule.sentence[: len(case.sentence)]) for one in found} == {
        (case.invariant, case.sentence)
    }
    assert any(case.found in one.what for one in found), found


def test_every_rule_has_a_case():
    cases = {(case.invariant, case.sentence) for case in CASES}
    for rule in replay.rules():
        assert [
            one for one in cases if one[0] == rule.invariant and rule.sentence.startswith(one[1])
        ], rule.sentence


def test_an_id_that_stands_for_no_job(ledger):
    asked_twice(ledger)
    edit(ledger, jobs, "id", "another")
    said = {one.rule.sentence: one.what for one in replay.findings(ledger)}
    what = said["An id that stands for a job stands for one that there is."]
    assert "which is not there" in what


def test_what_is_no_number_is_found_where_the_database_takes_it(ledger):
    applied(ledger)
    if ledger.database.is_sqlite:  # which keeps NaN as NULL, and refuses that
        edit(ledger, buckets, "level", float("inf"))
    else:
        edit(ledger, buckets, "level", float("nan"))
    (found,) = replay.findings(ledger)
    assert found.subject == "bucket"
    assert found.what in {"level is inf", "level is nan"}


def test_json_that_is_none_is_found_where_the_database_takes_it(ledger):
    applied(ledger)
    if not ledger.database.is_sqlite:
        pytest.skip("PostgreSQL takes none")
    with ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_jobs SET receipt = '{\"basis\": own'")
    (found,) = replay.findings(ledger)
    assert found.what == "receipt is no JSON of its kind"


def test_a_page_ends_between_two_orders_however_many_jobs_an_order_has(ledger):
    for number in range(7):
        for _ in range(3 if number == 3 else 1):
            settle(ledger, hold(ledger, accept(ledger, confirm(number), again=True).job_id))
    read = [
        (order.order_id, len(order.jobs))
        for page in histories.pages(ledger, size=2)
        for order in page
    ]
    assert read == [(confirm(n).order_id, 3 if n == 3 else 1) for n in range(7)]


def test_a_quota_that_is_changed_is_not_held_against_calls_of_before(open_ledger):
    ledger = open_ledger(Quotas(4.0, 1.0))
    for number in range(4):
        settle(ledger, hold(ledger, accept(ledger, confirm(number)).job_id))
    smaller = open_ledger(Quotas(1.0, 0.1))
    accept(smaller, confirm(5))
    claims.claim(smaller, rows(smaller)[-1].id, "worker")
    assert [row.capacity for row in rows(smaller, buckets)] == [1.0]
    assert list(replay.findings(smaller)) == []

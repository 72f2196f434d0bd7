"""What the ledger forgets on each database, and what it must not."""

import functools
import time
from dataclasses import replace

import pytest

from tests.conformance.steps import (
    UNKNOWN,
    accept,
    at_once,
    cancel,
    confirm,
    hold,
    job,
    looked_up,
    order_id,
    rows,
    settle,
)
from worker.domain.retention import Retention
from worker.ledger import chords, continuations, keeping, outside, queries, withdrawals
from worker.ledger.chords import Chord
from worker.ledger.retention import forgotten, pruning
from worker.ledger.retention.pruned import Pruned
from worker.ledger.schema import (
    aliases,
    attempts,
    groups,
    jobs,
    orders,
    results,
    transitions,
)
from worker.ledger.schema import chords as chord_rows

A_YEAR = 365 * 86400.0
DETAILS = Retention(keep_buyer_details=0.0, keep_jobs=A_YEAR)
ALL = Retention(keep_buyer_details=0.0, keep_jobs=0.0)
NOTHING = Retention(keep_buyer_details=A_YEAR, keep_jobs=A_YEAR)
BUYER = {"buyer": {"name": "Erika Mustermann"}}


def prune(ledger, keep, **words):
    pruned = Pruned()
    for step in pruning.prune(ledger.database, keep, "retention", **words):
        pruned += step
    return pruned


def confirmed(ledger, number=1, **terms):
    """A confirm that has succeeded, with the buyer's details in its receipt."""
    job_id = accept(ledger, confirm(number), **terms).job_id
    settle(ledger, hold(ledger, job_id), lookup_after_confirm=True)
    held = hold(ledger, job_id)
    answer = looked_up(held)
    settle(ledger, held, replace(answer, order=replace(answer.order, details=BUYER)))
    assert job(ledger, job_id).receipt["details"] == BUYER
    return job_id


def orders_there(ledger):
    return {row.order_id for row in rows(ledger)}


def test_the_buyers_details_go_and_the_receipt_stays_and_so_does_a_trace(ledger):
    job_id = confirmed(ledger)
    before = job(ledger, job_id)._asdict()
    assert prune(ledger, NOTHING) == Pruned()
    assert prune(ledger, DETAILS) == Pruned(details=1)
    after = job(ledger, job_id)._asdict()
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"receipt", "details_removed_at"}
    removed_at = after["receipt"].pop("details_removed_at")
    assert after["receipt"] == before["receipt"] | {"details": None}
    assert removed_at.endswith("Z")
    told = [row for row in rows(ledger, transitions) if row.subject == "details"]
    assert [(row.new, row.actor, row.why) for row in told] == [
        ("removed", "retention", "kept for 0 days")
    ]
    assert prune(ledger, DETAILS) == Pruned()
    for table in (jobs, transitions, attempts):
        assert "Mustermann" not in str(rows(ledger, table))


def test_a_receipt_without_details_is_looked_at_once_and_leaves_no_trace(ledger):
    job_id = accept(ledger, cancel(1)).job_id
    settle(ledger, hold(ledger, job_id))
    written = job(ledger, job_id).receipt
    assert prune(ledger, DETAILS) == Pruned()
    assert job(ledger, job_id).receipt == written
    assert job(ledger, job_id).details_removed_at is not None
    assert [row for row in rows(ledger, transitions) if row.subject == "details"] == []


def test_what_has_not_ended_keeps_its_details(ledger):
    job_id = accept(ledger, confirm(1)).job_id
    settle(ledger, hold(ledger, job_id), lookup_after_confirm=True)
    assert prune(ledger, ALL) == Pruned()
    assert job(ledger, job_id).state == "waiting"


def test_more_than_a_batch_goes_in_several(ledger, monkeypatch):
    monkeypatch.setattr(forgotten, "FOUND", forgotten.FOUND.limit(5))
    monkeypatch.setattr(forgotten, "BATCH", 5)
    for number in range(12):
        withdrawn(ledger, number)
    steps = [step.jobs for step in pruning.prune(ledger.database, ALL, "retention") if step.jobs]
    assert steps == [5, 5, 2]


def withdrawn(ledger, number):
    withdrawals.withdraw(ledger, accept(ledger, confirm(number)).job_id, "operator", "not wanted")


def test_an_order_is_forgotten_as_a_whole(ledger):
    confirmed(ledger)
    settle(ledger, hold(ledger, accept(ledger, cancel(1)).job_id))
    accept(ledger, cancel(1), job_id="asked-again")
    withdrawn(ledger, 2)
    assert prune(ledger, ALL) == Pruned(details=1, jobs=3, orders=2)
    for table in (jobs, attempts, transitions, aliases, orders):
        assert rows(ledger, table) == []


def test_what_ended_lately_keeps_what_came_before_it(ledger):
    long_ago = [confirmed(ledger), confirmed(ledger, 2)]
    settle(ledger, hold(ledger, accept(ledger, cancel(1)).job_id))
    with ledger.database.write() as connection:
        of_long_ago = jobs.update().where(jobs.c.id.in_(long_ago))
        connection.execute(of_long_ago.values(finished_at=jobs.c.finished_at - 7200.0))
    assert prune(ledger, replace(NOTHING, keep_jobs=3600.0)) == Pruned(jobs=1, orders=1)
    assert orders_there(ledger) == {order_id(1)}
    assert len(rows(ledger)) == 2


def test_an_order_with_an_open_job_is_not_forgotten(ledger):
    confirmed(ledger)
    accept(ledger, cancel(1))
    confirmed(ledger, 2)
    assert prune(ledger, ALL) == Pruned(details=2, jobs=1, orders=1)
    assert orders_there(ledger) == {order_id(1)}


def test_an_order_in_doubt_is_not_forgotten(ledger):
    job_id = accept(ledger, cancel(1)).job_id
    settle(ledger, hold(ledger, job_id), UNKNOWN, call_timeout=0.001)
    settle(ledger, hold_again(ledger, job_id), UNKNOWN, doubt_limit=0.001)
    assert job(ledger, job_id).state == "failed"
    assert rows(ledger, orders)[0].in_doubt
    assert prune(ledger, ALL) == Pruned()


def hold_again(ledger, job_id):
    with ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_jobs SET due_at = 1.0")
    return hold(ledger, job_id)


def test_what_hangs_on_a_job_is_fired_before_it_is_forgotten(ledger):
    job_id = confirmed(ledger, options={"link": [{"task": "shop.mail"}]})
    accept(ledger, confirm(1), job_id="another-asker", options={"link": [{"task": "shop.ship"}]})
    assert prune(ledger, ALL) == Pruned(details=1)
    continuations.fired(ledger.database, job_id)
    assert prune(ledger, ALL) == Pruned()
    continuations.fired(ledger.database, "another-asker")
    assert prune(ledger, ALL) == Pruned(jobs=1, orders=1)


def test_members_of_a_chord_that_waits_are_not_forgotten(ledger):
    job_id = confirmed(ledger)
    outside.store_result(ledger.database, "task-1", "SUCCESS", {"result": 1})
    outside.store_result(ledger.database, "task-2", "SUCCESS", {"result": 2})
    header = [[[job_id, None], None], [["task-1", None], None], [["task-3", None], None]]
    chords.record(ledger.database, Chord("chord-1", header, {"task": "shop.ship"}), ["task-3"])
    assert prune(ledger, ALL) == Pruned(details=1, results=1)
    chords.part_done(ledger.database, "task-3")
    assert prune(ledger, ALL) == Pruned()
    chords.fired(ledger.database, "chord-1")
    assert prune(ledger, ALL) == Pruned(jobs=1, orders=1, results=1, chords=1)
    assert rows(ledger, chord_rows) == rows(ledger, results) == []


def test_results_and_groups_go_with_the_buyers_details(ledger):
    outside.store_result(ledger.database, "task-1", "SUCCESS", {"result": BUYER})
    outside.store_group(ledger.database, "group-1", [["task-1", None]])
    assert prune(ledger, NOTHING) == Pruned()
    assert prune(ledger, DETAILS) == Pruned(results=1, groups=1)
    assert rows(ledger, results) == rows(ledger, groups) == []


def test_an_order_that_somebody_keeps_stays_kept(ledger):
    confirmed(ledger)
    keeping.keep(ledger, "acme", order_id(1), actor="anna", why="a phone call")
    confirmed(ledger, 2)
    keeping.keep(ledger, "acme", order_id(2), actor="anna", why=None)
    keeping.keep(ledger, "acme", order_id(2), actor="anna", why=None, kept=False)
    assert prune(ledger, ALL).jobs == 2
    (kept,) = rows(ledger, orders)
    assert (kept.order_id, kept.kept_by) == (order_id(1), "anna")
    assert [told["to"] for told in queries.done_to(ledger, order_id(1))] == ["kept"]
    assert queries.done_to(ledger, order_id(2)) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(ledger):
    confirmed(ledger)
    withdrawn(ledger, 2)
    outside.store_result(ledger.database, "task-1", "SUCCESS", {})
    tables = (jobs, attempts, transitions, orders, results)
    before = [rows(ledger, table) for table in tables]
    would = prune(ledger, ALL, dry_run=True)
    assert would == Pruned(details=1, jobs=2, orders=2, results=1)
    assert [rows(ledger, table) for table in tables] == before
    assert prune(ledger, ALL) == would


def test_what_is_forgotten_can_be_asked_for_again(ledger):
    first = confirmed(ledger)
    prune(ledger, ALL)
    again = accept(ledger, confirm(1))
    assert again.created
    assert again.job_id != first
    assert job(ledger, again.job_id).previous_id is None


def test_what_somebody_holds_is_left_for_the_next_time(open_ledger, url):
    ledger, other = open_ledger(), open_ledger()
    confirmed(ledger, 1)
    confirmed(ledger, 2)
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer: it is waited for")
    with other.database.write() as connection:
        connection.exec_driver_sql(
            "SELECT 1 FROM order_worker_orders WHERE order_id = %s FOR UPDATE", (order_id(1),)
        )
        began = time.monotonic()
        assert prune(ledger, ALL) == Pruned(details=2, jobs=1, orders=1)
        assert time.monotonic() - began < 5.0
    assert prune(ledger, ALL) == Pruned(jobs=1, orders=1)


def test_two_that_prune_at_once_do_not_meet(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for number in range(30):
        withdrawn(ledgers[0], number)
    one, other = at_once([functools.partial(prune, ledger, ALL) for ledger in ledgers])
    rest = prune(ledgers[0], ALL)
    assert one.jobs + other.jobs + rest.jobs == 30
    assert rows(ledgers[0]) == []


@pytest.mark.by_hand
def test_a_receipt_that_cannot_be_read_goes_as_a_whole(ledger):
    if not ledger.database.is_sqlite:
        pytest.skip("PostgreSQL takes no JSON that is none")
    job_id = confirmed(ledger)
    with ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE order_worker_jobs SET receipt = '{\"details\": Erika'")
    assert prune(ledger, DETAILS) == Pruned(details=1)
    assert job(ledger, job_id).receipt is None

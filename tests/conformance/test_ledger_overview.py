"""What the pages are made of: what waits, what came in and ended by the minute, who called."""

import pytest

from tests.conformance.steps import REFUSED, THROTTLED, Quotas, accept, confirm, hold, settle
from worker.domain.outcomes import Outcome
from worker.ledger import calls, minutes, orders, overview, queries, routing, withdrawals
from worker.ledger.filters import Filters


@pytest.fixture
def busy(open_ledger):
    """Two have succeeded, one failed, one was withdrawn, one is running, three wait."""
    ledger = open_ledger(Quotas(capacity=4.0, rate=0.001))
    routing.prepare(ledger)
    for number in range(6):
        accept(ledger, confirm(number), job_id=str(number))
    for name in ("0", "1"):
        settle(ledger, hold(ledger, name))
    settle(ledger, hold(ledger, "2"), REFUSED, max_attempts=1)
    withdrawals.withdraw(ledger, "3", "somebody", "no")
    hold(ledger, "4")
    accept(ledger, confirm(6), job_id="6", due_in=3600.0)
    accept(ledger, confirm(7), job_id="7")
    return ledger


def test_what_waits_is_counted_by_what_it_waits_for(busy):
    seen = overview.look(busy)
    assert seen.running == 1
    assert seen.in_doubt == 0
    assert sum(seen.waiting.values()) == 3
    assert seen.oldest["id"] == "5"
    assert seen.oldest["age"] >= 0.0
    assert seen.workers == 1
    assert seen.closed == []


def test_an_empty_ledger_has_nothing_to_tell(ledger):
    seen = overview.look(ledger)
    assert (seen.waiting, seen.running, seen.oldest, seen.workers) == ({}, 0, None, 0)
    now = ledger.database.time()
    assert minutes.read(ledger, now - 3600.0, now) == {}
    assert calls.recent(ledger) == {}


def test_minutes_are_the_sums_of_what_came_in_and_ended(busy):
    now = busy.database.time()
    total = minutes.Minute()
    for minute in minutes.read(busy, now - 3600.0, now + 60.0).values():
        total.add(minute)
    assert total.accepted == 8
    assert total.ended == {"succeeded": 2, "failed": 1, "withdrawn": 1}
    assert total.finished == 4
    assert sum(total.answers.values()) == 3
    assert 0.0 <= total.quantile(0.5) <= total.quantile(0.95) <= 60.0
    assert minutes.read(busy, now - 7200.0, now - 3600.0) == {}


def test_a_quantile_lies_within_the_band_of_its_answers():
    minute = minutes.Minute(answers={10: 90, 20: 10})
    low, high = minutes.BANDS[9], minutes.BANDS[10]
    assert low < minute.quantile(0.5) <= high
    assert minutes.BANDS[19] < minute.quantile(0.95) <= minutes.BANDS[20]
    assert minutes.Minute().quantile(0.5) is None
    beyond = minutes.Minute(answers={len(minutes.BANDS): 1})
    assert beyond.quantile(0.5) == minutes.BANDS[-1]


def test_calls_are_counted_by_bucket_slot_and_outcome(open_ledger):
    ledger = open_ledger(Quotas(capacity=5.0))
    accept(ledger, confirm(0), job_id="0")
    accept(ledger, confirm(1), job_id="1")
    settle(ledger, hold(ledger, "0"))
    settle(ledger, hold(ledger, "1"), THROTTLED)
    ((of, made),) = calls.recent(ledger).items()
    assert of[0] == "acme"
    assert sum(made.slots) == 2
    assert made.outcomes == {Outcome.APPLIED: 1, Outcome.THROTTLED: 1}
    assert made.throttles_per_success == 1.0
    assert calls.Calls().throttles_per_success is None


def test_an_order_is_told_with_its_jobs_and_by_its_seller_alone(busy):
    request = confirm(0)
    order = orders.find(busy, request.seller, request.order_id)
    assert [job["id"] for job in order["jobs"]] == ["0"]
    assert orders.find(busy, "somebody else", request.order_id) is None
    assert orders.find(busy, request.seller, "made up") is None


def test_a_look_at_nothing_is_not_recorded(busy):
    for name in ("0", "made up"):
        orders.disclose(busy, name, actor="till")
    (job,) = queries.of_ids(busy, ["0"], details=True)
    assert not job["receipt"].get("details")
    assert [each for each in job["transitions"] if each["actor"] == "till"] == []


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (Filters(seller="acme"), "76543210"),
        (Filters(seller="acme", states=("succeeded",)), "10"),
        (Filters(seller="nobody"), ""),
        (Filters(seller="acme", task="cancel"), ""),
        (Filters(since=3600.0, until=0.0), "76543210"),
        (Filters(until=3600.0), ""),
        (Filters(waiting_for=("turn",)), "6"),
        (Filters(waiting_for=("turn", "quota")), "765"),
        (Filters(waiting_for=("credentials",)), ""),
        (Filters(seller="acme", waiting_for=("quota",)), "75"),
    ],
)
@pytest.mark.parametrize("rare", [0, 1000])
def test_whichever_index_is_read_the_same_jobs_are_found(busy, monkeypatch, filters, ids, rare):
    monkeypatch.setattr("worker.ledger.filters.RARE", rare)
    assert "".join(job["id"] for job in queries.find(busy, filters, 50)) == ids

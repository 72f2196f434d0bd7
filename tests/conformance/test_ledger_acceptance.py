"""Accepting on each database: one job per key, whoever asks, and nobody waits for a shop."""

import functools

import pytest

from tests.conformance.steps import accept, at_once, cancel, confirm, hold, job, rows, settle
from worker.errors import BadInput
from worker.ledger import acceptance, outside, withdrawals
from worker.ledger.acceptance import Terms
from worker.ledger.schema import aliases, transitions


def test_eight_that_ask_at_once_get_one_job(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for order in range(10):
        asks = [
            functools.partial(accept, ledgers[number % 2], confirm(order)) for number in range(8)
        ]
        answers = at_once(asks)
        assert [each.created for each in answers].count(True) == 1
        assert len({each.job_id for each in answers}) == 1
    assert len(rows(ledgers[0])) == 10
    assert len(rows(ledgers[0], transitions)) == 10
    assert len(rows(ledgers[0], aliases)) == 70


def test_a_key_that_is_let_go_while_it_is_asked_for_is_answered(open_ledger):
    ledgers = [open_ledger() for _ in range(4)]

    def ask(ledger):
        return [accept(ledger, confirm(1)) for _ in range(40)]

    def take_back(ledger):
        for _ in range(40):
            for row in rows(ledger):
                if row.holds_key:
                    withdrawals.withdraw(ledger, row.id, "operator", "again and again")

    works = [functools.partial(ask if n % 2 else take_back, ledgers[n % 4]) for n in range(8)]
    answers = [each for asked in at_once(works) if asked for each in asked]
    assert len(answers) == 160
    assert sum(each.created for each in answers) == len(rows(ledgers[0]))
    assert sum(row.holds_key for row in rows(ledgers[0])) <= 1


def test_the_same_key_with_other_arguments_is_refused(ledger):
    first = accept(ledger, confirm(1, key="k")).job_id
    with pytest.raises(BadInput, match=f"belongs to job {first}.*another order_id"):
        accept(ledger, confirm(2, key="k"))
    assert len(rows(ledger)) == 1


def test_again_makes_a_new_job_after_a_success_and_only_then(ledger):
    first = accept(ledger, confirm(1)).job_id
    assert accept(ledger, confirm(1), again=True).job_id == first
    settle(ledger, hold(ledger, first))
    assert accept(ledger, confirm(1)).job_id == first
    second = accept(ledger, confirm(1), again=True)
    assert second.created
    assert job(ledger, second.job_id).previous_id == first
    assert not job(ledger, first).holds_key


def test_an_id_that_was_answered_with_another_job_stands_for_it(ledger):
    first = accept(ledger, confirm(1), job_id="first").job_id
    accept(ledger, confirm(1), job_id="second")
    assert outside.find_job(ledger.database, "second").job.id == first
    assert outside.find_job(ledger.database, "third") is None


def test_a_refused_request_does_not_spoil_its_batch(ledger):
    accept(ledger, confirm(1, key="k"))
    asked = [confirm(2, key="k"), confirm(3), cancel(3)]
    answers = acceptance.accept_each(
        ledger, [(each, Terms(f"j{number}", "producer")) for number, each in enumerate(asked)]
    )
    assert isinstance(answers[0], BadInput)
    assert [each.job_id for each in answers[1:]] == ["j1", "j2"]
    assert [row.id for row in rows(ledger)][1:] == ["j1", "j2"]  # accepted in their order


def test_what_is_recorded_in_a_transaction_that_is_rolled_back_was_not_accepted(ledger):
    with pytest.raises(ZeroDivisionError), ledger.database.write() as connection:  # noqa: PT012 - a transaction
        acceptance.accept_within(ledger, connection, confirm(1), Terms("job", "producer"))
        1 / 0  # noqa: B018 - the shop's error
    assert rows(ledger) == []


def test_a_shops_long_transaction_holds_up_nobody_who_works(open_ledger, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has a single writer")
    ledger = open_ledger()
    first = accept(ledger, confirm(1)).job_id
    with ledger.database.write() as shop:
        again = acceptance.accept_within(ledger, shop, confirm(1), Terms("alias", "producer"))
        acceptance.accept_within(ledger, shop, confirm(2), Terms("new", "producer"))
        assert again.job_id == first
        assert at_once([lambda: settle(ledger, hold(ledger, first))], seconds=5.0) == [True]
    assert [row.state for row in rows(ledger)] == ["succeeded", "waiting"]


def test_a_foreign_message_with_wrong_arguments_can_be_seen(ledger):
    error = {"kind": "bad_input", "message": "order_id: is empty"}
    for _ in range(2):
        acceptance.reject(ledger, confirm(1), Terms("foreign", "message"), error)
    assert [(row.state, row.error) for row in rows(ledger)] == [("rejected", error)]
    assert [row.new for row in rows(ledger, transitions)] == ["rejected"]

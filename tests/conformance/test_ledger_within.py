"""A job recorded in a shop's own transaction, on each database and each kind of connection."""

import threading

import pytest
from sqlalchemy import event

from tests.conformance import shops
from tests.conformance.shops import HOOKED, KINDS, Undo
from tests.conformance.steps import (
    accept,
    at_once,
    cancel,
    confirm,
    hold,
    job,
    numbers,
    rows,
    settle,
)
from worker.errors import BadInput
from worker.ledger import outside, within
from worker.ledger.acceptance import Terms
from worker.ledger.schema import aliases, orders, transitions


@pytest.fixture
def open_shop(ledger, url):
    opened = []

    def another(kind):
        opened.append(shops.OF_KIND[kind](url))
        return opened[-1]

    yield another
    for shop in opened:
        shop.close()


@pytest.fixture(params=KINDS)
def shop(request, open_shop):
    return open_shop(request.param)


@pytest.fixture
def published():
    return []


@pytest.fixture
def ask(ledger, published):
    """Ask for a job within a shop's transaction, as a task does."""

    def asked(shop, request, **terms):
        connection = getattr(shop, "connection", shop)
        job_id = terms.pop("job_id", None)
        terms = {"new_id": job_id is None, **terms}
        job_id = job_id or f"job-{next(numbers):05}"
        return within.accept(
            ledger,
            connection,
            request,
            Terms(job_id, "producer", **terms),
            lambda new: published.append(new.job_id),
        )

    return asked


def test_a_commit_makes_the_job_exist_as_if_it_was_asked_for_outside(ledger, shop, ask):
    shop.begin()
    asked = ask(shop, cancel(1, reason="süß\0", priority=3), options={"shadow": "ü"}, due_in=60.0)
    assert asked.created
    assert rows(ledger) == []
    shop.commit()
    outside_id = accept(
        ledger, cancel(2, reason="süß\0", priority=3), options={"shadow": "ü"}, due_in=60.0
    ).job_id
    one, other = (dict(row._mapping) for row in rows(ledger))
    assert (one["id"], other["id"]) == (asked.job_id, outside_id)
    assert one["due_at"] - one["accepted_at"] == pytest.approx(60.0)
    assert one["deadline"] - one["due_at"] == pytest.approx(72 * 3600.0)
    for own in ("seq", "id", "order_id", "key", "accepted_at", "due_at", "deadline", "give_up_at"):
        del one[own], other[own]
    assert one == other
    first, second = (dict(row._mapping) for row in rows(ledger, transitions))
    for own in ("id", "job_id", "at"):
        del first[own], second[own]
    assert first == second
    settle(ledger, hold_when_due(ledger, asked.job_id))


def hold_when_due(ledger, job_id):
    with ledger.database.write() as connection:
        statement = within.jobs.update().where(within.jobs.c.id == job_id)
        connection.execute(statement.values(due_at=0.0, ready=True))
    return hold(ledger, job_id)


def test_a_rollback_leaves_no_trace(ledger, shop, ask, published):
    shop.begin()
    ask(shop, confirm(1))
    shop.rollback()
    assert rows(ledger) == rows(ledger, transitions) == rows(ledger, aliases) == published == []
    shop.begin()  # and the connection is as good as before
    assert ask(shop, confirm(1)).created
    shop.commit()
    assert len(rows(ledger)) == 1


def test_publishing_follows_the_commit_where_the_connection_tells_of_it(
    ledger, request, shop, ask, published
):
    hooked = request.node.callspec.params["shop"] in HOOKED
    shop.begin()
    asked = ask(shop, confirm(1))
    assert published == []
    assert asked.runs_now == hooked
    shop.commit()
    assert published == [asked.job_id] * hooked
    # A dispatcher publishes at once what has not been published.
    assert (job(ledger, asked.job_id).publish_at > 0) == hooked
    shop.begin()
    shop.execute("SELECT 1")
    shop.commit()
    assert published == [asked.job_id] * hooked


def test_what_cannot_run_now_is_left_to_the_dispatcher(ledger, shop, ask, published):
    settle(ledger, hold(ledger, accept(ledger, confirm(1)).job_id))  # the bucket has a row
    accept(ledger, confirm(1, key="again"), may_publish=False)  # is before what follows
    shop.begin()
    second = ask(shop, confirm(2))
    third = ask(shop, confirm(3), due_in=5.0)
    fourth = ask(shop, confirm(4), may_publish=False)
    shop.commit()
    assert published == []
    for each in (second, third, fourth):
        assert (each.runs_now, job(ledger, each.job_id).publish_count) == (False, 0)


def test_a_savepoint_rolled_back_takes_its_jobs_along_and_no_other(
    ledger, shop, ask, published, request
):
    shop.begin()
    kept = ask(shop, confirm(1, key="a")).job_id
    with shop.savepoint():
        ask(shop, confirm(2))
        with shop.savepoint():
            ask(shop, confirm(3))
        raise Undo
    with shop.savepoint():
        last = ask(shop, confirm(4, seller="other")).job_id
    assert published == []
    shop.commit()
    assert [row.id for row in rows(ledger)] == [kept, last]
    hooked = request.node.callspec.params["shop"] in HOOKED
    assert published == [kept] * hooked  # nobody here has the other seller's keys


def test_asking_twice_returns_the_open_or_succeeded_job(ledger, shop, ask):
    first = accept(ledger, confirm(1)).job_id
    shop.begin()
    again = ask(shop, confirm(1))
    assert (again.job_id, again.created) == (first, False)
    new = ask(shop, confirm(2)).job_id
    assert ask(shop, confirm(2)).job_id == new
    shop.commit()
    settle(ledger, hold(ledger, first))
    shop.begin()
    assert ask(shop, confirm(1)).job_id == first
    anew = ask(shop, confirm(1), again=True)
    assert anew.created
    shop.commit()
    assert job(ledger, anew.job_id).previous_id == first
    assert not job(ledger, first).holds_key


def test_the_same_key_with_other_arguments_is_refused_and_the_transaction_goes_on(
    ledger, shop, ask
):
    first = accept(ledger, confirm(1, key="k")).job_id
    shop.begin()
    with pytest.raises(BadInput, match=f"belongs to job {first}.*another order_id"):
        ask(shop, confirm(2, key="k"))
    assert ask(shop, confirm(3)).created
    shop.commit()
    assert len(rows(ledger)) == 2


def test_what_hangs_on_a_second_call_is_kept_with_its_id(ledger, shop, ask):
    options = {"link": {"task": "shop.ship"}}
    first = accept(ledger, confirm(1), options=options).job_id
    shop.begin()
    ask(shop, confirm(1), options=options, job_id="same")
    ask(shop, confirm(1), options={"link": {"task": "shop.bill"}}, job_id="other")
    ask(shop, confirm(1), job_id="same")
    shop.commit()
    assert {row.id: row.options for row in rows(ledger, aliases)} == {
        "same": None,
        "other": {"link": {"task": "shop.bill"}},
    }
    assert outside.find_job(ledger.database, "other").job.id == first


def test_an_id_of_another_job_is_refused(ledger, shop, ask):
    accept(ledger, confirm(1), job_id="taken")
    shop.begin()
    with pytest.raises(BadInput, match="'taken' is the id of another job"):
        ask(shop, confirm(2), job_id="taken")
    shop.rollback()


def test_a_shops_transaction_holds_up_nobody_who_works(ledger, shop, ask, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite has a single writer")
    first, other = (accept(ledger, confirm(1, key=key)).job_id for key in ("a", "b"))
    shop.begin()
    assert ask(shop, confirm(1, key="a"), options={"shadow": "x"}).job_id == first
    ask(shop, cancel(1))
    ask(shop, confirm(2))

    def work():
        settle(ledger, hold(ledger, first))
        settle(ledger, hold(ledger, other))
        return accept(ledger, confirm(3)).created

    assert at_once([work], seconds=5.0) == [True]
    shop.commit()
    states = [row.state for row in rows(ledger)]
    assert sorted(states) == ["succeeded", "succeeded", "waiting", "waiting", "waiting"]
    assert len(rows(ledger, orders)) == 1


def test_of_two_transactions_with_one_key_the_second_waits_and_gets_the_firsts_job(
    ledger, open_shop, ask
):
    one, other = open_shop("driver"), open_shop("connection")
    for turn, how in enumerate(["commit", "rollback"]):
        one.begin()
        first = ask(one, confirm(turn)).job_id
        answers = []

        def second(turn=turn, answers=answers):
            answers.append(ask(other, confirm(turn)))
            other.commit()

        waiting = threading.Thread(target=second, daemon=True)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        getattr(one, how)()
        waiting.join(10.0)
        (answer,) = answers
        assert (answer.job_id == first, answer.created) == (how == "commit", how == "rollback")
    assert len(rows(ledger)) == 2


def test_it_is_one_round_trip_on_postgresql(ledger, open_shop, ask, url):
    if url.startswith("sqlite"):
        pytest.skip("SQLite is in the process")
    shop = open_shop("connection")
    sent = []
    event.listen(shop.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    for _ in range(2):  # the second finds the job of the first
        ask(shop, confirm(1))
    assert len(sent) == 2
    shop.commit()


def test_a_dispatcher_that_listens_hears_of_the_commit(ledger, shop, ask):
    with ledger.database.watch("w") as changes:
        shop.begin()
        ask(shop, confirm(1))
        stop = threading.Event()
        done = threading.Thread(target=lambda: (changes.wait(20.0, stop), stop.set()), daemon=True)
        done.start()
        assert not stop.wait(0.3)
        shop.commit()
        assert stop.wait(5.0)
        done.join(5.0)

"""Eager mode in a shop's own tests: a call runs its job to the end, or says why it cannot."""

import pytest
from celery import chain, chord, group
from celery.result import EagerResult
from sqlalchemy import select

from worker import bootstrap, broker
from worker.app import app, cancel, confirm
from worker.errors import BadInput, Rejected, WouldWait
from worker.ledger.schema import jobs

ORDER = "S01-1234567-1234567"
OTHER = "S01-1234567-7654321"


@pytest.fixture(autouse=True)
def eager(monkeypatch, configured, provider):
    configured(provider.url)
    monkeypatch.setattr(broker.Publishing, "attempt", lambda *_: pytest.fail("sent a message"))
    app.conf.update(task_always_eager=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


@pytest.fixture
def wait_at_most(monkeypatch):
    def patience(words):
        monkeypatch.setenv("ORDER_WORKER_WORKER__PATIENCE", words)

    return patience


@pytest.fixture
def told():
    """Tasks of the shop's, which note what they were given."""
    lines = []

    @app.task(name="shop.test_note", shared=False)
    def note(given, *words):
        lines.append((given, *words))
        return given

    yield note, lines
    del app.tasks["shop.test_note"]


@pytest.fixture
def quota(monkeypatch):
    """Another quota of the confirms: its capacity, and tokens a second."""

    def of(capacity, rate):
        name = "ORDER_WORKER_SELLERS__ACME__QUOTAS__CONFIRMORDERREFERENCE__"
        monkeypatch.setenv(f"{name}CAPACITY", capacity)
        monkeypatch.setenv(f"{name}RESTORE_RATE", rate)

    return of


def job(result):
    with bootstrap.runtime().ledger.database.read() as connection:
        return connection.execute(select(jobs).where(jobs.c.id == result.id)).one()


def test_a_call_runs_its_job_to_the_end_and_the_ledger_has_it(provider):
    result = confirm.delay(ORDER, seller="acme")
    assert isinstance(result, EagerResult)
    assert (result.state, result.get()["order_id"]) == ("SUCCESS", ORDER)
    assert (job(result).state, provider.order(ORDER)["state"]) == ("succeeded", "Open")
    assert app.AsyncResult(result.id).get(timeout=1) == result.get()


def test_asking_twice_answers_with_the_first_job_and_changes_nothing(provider):
    first, second = (confirm.delay(ORDER, seller="acme") for _ in range(2))
    assert (second.id, second.get()) == (first.id, first.get())
    assert provider.order(ORDER)["changed"] == {"ConfirmOrderReference": 1}


@pytest.mark.parametrize("propagates", [False, True])
def test_a_rejected_job_raises_where_celery_raises(provider, propagates):
    app.conf.update(task_eager_propagates=propagates)
    provider.stage(ORDER, state="Canceled")
    with pytest.raises(Rejected) as rejected:
        confirm.delay(ORDER, seller="acme").get()
    assert rejected.value.code == "InvalidOrderReferenceStatus"


def test_bad_input_is_refused_as_ever():
    with pytest.raises(BadInput, match="seller"):
        confirm.delay(ORDER, seller="nobody")


def test_a_due_time_is_not_waited_for():
    assert confirm.apply_async((ORDER,), {"seller": "acme"}, countdown=3600).successful()


def test_a_deadline_that_has_passed_ends_the_job():
    result = confirm.apply_async((ORDER,), {"seller": "acme"}, expires=-1)
    assert (result.state, job(result).state) == ("FAILURE", "failed")


def test_a_throttled_call_is_tried_again_until_it_is_applied(provider):
    throttle = {"status": 503, "code": "RequestThrottled"}
    provider.add_fault(match={"operation": "Confirm*"}, answer=throttle, times=3)
    assert confirm.delay(ORDER, seller="acme").get()["order_id"] == ORDER


def test_a_provider_that_throttles_for_ever_ends_in_a_sentence(provider, quota):
    quota("10", "1")
    throttle = {"status": 503, "code": "RequestThrottled"}
    provider.add_fault(match={"operation": "Confirm*"}, answer=throttle, times=None)
    with pytest.raises(WouldWait, match="would wait for quota"):
        confirm.delay(ORDER, seller="acme").get()


def test_a_doubt_is_waited_for_within_the_patience(provider, wait_at_most):
    wait_at_most("1500ms")
    provider.add_fault(match={"operation": "Confirm*"}, when="after", cut=True)
    assert confirm.delay(ORDER, seller="acme").get()["already"]
    assert provider.order(ORDER)["changed"] == {"ConfirmOrderReference": 1}


def test_a_doubt_beyond_the_patience_is_said_and_kept(provider):
    provider.add_fault(match={"operation": "Confirm*"}, when="after", cut=True)
    result = confirm.delay(ORDER, seller="acme")
    with pytest.raises(WouldWait, match=r"in_doubt and would wait for lookup, due 2.*Z; .*0\.2 s"):
        result.get()
    assert (job(result).state, job(result).effect) == ("in_doubt", "possible")


def test_a_token_is_waited_for_within_the_patience(quota, wait_at_most):
    quota("1", "8")
    wait_at_most("1s")
    assert all(confirm.delay(each, seller="acme").successful() for each in (ORDER, OTHER))


def test_a_token_beyond_the_patience_is_said(quota):
    quota("1", "0.1")
    assert confirm.delay(ORDER, seller="acme").successful()
    with pytest.raises(WouldWait, match="waiting and would wait for quota"):
        confirm.delay(OTHER, seller="acme").get()


def test_a_job_that_waits_for_another_of_its_order_says_so():
    app.conf.update(task_always_eager=False)
    confirm.apply_async((ORDER,), {"seller": "acme", "key": "earlier"}, countdown=600)
    app.conf.update(task_always_eager=True)
    with pytest.raises(WouldWait, match=f"confirm of {ORDER} is waiting and would wait for order"):
        confirm.delay(ORDER, seller="acme").get()


def test_what_hangs_on_a_job_runs_in_the_call(told, provider):
    note, lines = told
    provider.stage(OTHER, state="Canceled")
    confirm.apply_async((ORDER,), {"seller": "acme"}, link=note.s("linked"))
    confirm.apply_async((OTHER,), {"seller": "acme"}, link_error=note.si("failed"))
    assert lines[0][0]["order_id"] == ORDER
    assert (lines[0][1], lines[1]) == ("linked", ("failed",))


def test_a_canvas_runs_in_the_call(told):
    note, _ = told
    ask = confirm.s(ORDER, seller="acme")
    assert chain(ask, note.s("x"), confirm.si(OTHER, seller="acme"))().get()["order_id"] == OTHER
    both = group(ask, confirm.s(OTHER, seller="acme"), ask).apply_async().get()
    assert [each["order_id"] for each in both] == [ORDER, OTHER, ORDER]
    body = chord([ask, confirm.s(OTHER, seller="acme")], note.s("together"))()
    assert [each["order_id"] for each in body.get()] == [ORDER, OTHER]


def test_apply_runs_a_job_in_the_call_without_eager_mode(provider):
    app.conf.update(task_always_eager=False)
    provider.stage(ORDER, state="Open")
    result = cancel.apply((ORDER,), {"seller": "acme"})
    assert (result.get()["order_id"], job(result).state) == (ORDER, "succeeded")


def test_a_provider_that_is_away_ends_in_a_sentence(provider):
    provider.close()
    with pytest.raises(WouldWait, match="would wait for"):
        confirm.delay(ORDER, seller="acme").get()

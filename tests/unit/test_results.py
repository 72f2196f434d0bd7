"""The ledger as Celery's result backend: what it answers, and what it must not be told."""

import logging
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import states
from celery.app.task import Context
from celery.app.trace import trace_task
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult, GroupResult
from celery.worker import state as worker_state
from sqlalchemy import select, update

from worker import results as backend_module
from worker.app import app, cancel, confirm
from worker.domain.jobs import State
from worker.errors import Failed, Rejected
from worker.ledger import claims, outside, retries
from worker.ledger.holds import Claim
from worker.ledger.schema import jobs, results, transitions

ORDER = "S01-1234567-1234567"


@pytest.fixture
def backend(door):
    return backend_module.LedgerBackend(app=app)


@pytest.fixture
def put(door):
    """Record a confirm and put it into a state, as if it had got there."""

    def into(state, *, link=None, **values):
        result = confirm.apply_async((ORDER,), {"seller": "acme"}, link=link)
        with door.ledger.database.write() as connection:
            connection.execute(
                update(jobs).where(jobs.c.id == result.id).values(state=state, **values)
            )
        return result.id

    return into


@pytest.fixture
def row(door):
    """Everything the ledger says of a job, its transitions included."""

    def read(job_id):
        with door.ledger.database.read() as connection:
            job = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
            steps = connection.execute(
                select(transitions).where(transitions.c.job_id == job_id)
            ).all()
            others = connection.execute(select(results)).all()
        return job, steps, others

    return read


# --- what is answered -----------------------------------------------------------------------

RECEIPT = {"order_id": ORDER, "basis": "own"}
ERROR = {"code": "InvalidOrderReferenceId", "message": "no such order", "advice": None}


def test_every_state_has_a_word_of_celerys(backend, put):
    assert set(backend_module.CELERY_STATES) == set(State)


@pytest.mark.parametrize(
    ("state", "values", "word"),
    [
        ("waiting", {"waiting_for": "quota"}, "PENDING"),
        ("running", {"waiting_for": None, "lease_until": 9e9}, "STARTED"),
        ("in_doubt", {"waiting_for": "lookup", "effect": "possible"}, "IN_DOUBT"),
    ],
)
def test_the_info_of_an_unfinished_job_is_the_ledgers_own_word(put, door, state, values, word):
    result = AsyncResult(put(state, **values), app=app)
    assert result.state == word
    assert not result.ready()
    assert (result.info["state"], result.info["waiting_for"]) == (state, values["waiting_for"])
    assert set(result.info) == {"state", "waiting_for", "effect", "due_at", "attempt_count"}


def test_a_success_gives_the_receipt(put):
    result = AsyncResult(put("succeeded", receipt=RECEIPT, waiting_for=None), app=app)
    assert (result.state, result.get(timeout=1)) == (states.SUCCESS, RECEIPT)


@pytest.mark.parametrize(("state", "kind"), [("rejected", Rejected), ("failed", Failed)])
def test_an_end_without_effect_raises_with_the_providers_code(put, state, kind):
    result = AsyncResult(put(state, error=ERROR, waiting_for=None), app=app)
    assert result.state == states.FAILURE
    with pytest.raises(kind, match="InvalidOrderReferenceId: no such order") as raised:
        result.get(timeout=1)
    assert (raised.value.code, raised.value.job) == ("InvalidOrderReferenceId", result.id)


def test_a_withdrawn_job_is_revoked(put):
    error = {"kind": "withdrawn", "message": "the customer called"}
    result = AsyncResult(put("withdrawn", error=error, waiting_for=None), app=app)
    assert result.state == states.REVOKED
    with pytest.raises(TaskRevokedError, match="the customer called"):
        result.get(timeout=1)


def test_an_unknown_id_is_pending(door):
    assert AsyncResult("nobody-knows", app=app).state == states.PENDING


def test_get_asks_often_enough_for_a_confirm(put, door):
    import threading
    import time

    job_id = put("waiting")

    def succeed():
        with door.ledger.database.write() as connection:
            connection.execute(
                update(jobs).where(jobs.c.id == job_id).values(state="succeeded", receipt=RECEIPT)
            )

    timer = threading.Timer(0.1, succeed)
    begun = time.monotonic()
    timer.start()
    assert AsyncResult(job_id, app=app).get(timeout=5) == RECEIPT
    assert time.monotonic() - begun < 0.4  # Celery's own interval is half a second
    timer.join()


# --- what Celery reports of a job, and the ledger alone decides -----------------------------

REPORTS = {
    "worker lost": lambda b, i, r: b.mark_as_failure(i, WorkerLostError("gone"), request=r),
    "time limit": lambda b, i, r: b.mark_as_failure(i, TimeLimitExceeded(3), request=r),
    "retry": lambda b, i, r: b.store_result(i, ValueError("again"), states.RETRY, request=r),
    "mark as retry": lambda b, i, r: b.mark_as_retry(i, ValueError("again"), request=r),
    "started": lambda b, i, r: b.store_result(i, {"pid": 1}, states.STARTED, request=r),
    "mark as started": lambda b, i, r: b.mark_as_started(i, pid=1),
    "success": lambda b, i, r: b.store_result(i, "done", states.SUCCESS, request=r),
    "failure": lambda b, i, r: b.store_result(i, ValueError(), states.FAILURE, request=r),
    "forgotten": lambda b, i, r: b.forget(i),
}


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("state", ["waiting", "running", "in_doubt", "succeeded"])
def test_nothing_that_celery_reports_changes_a_job(backend, put, row, report, state):
    job_id = put(state)
    before = row(job_id)
    request = Context(id=job_id, task=confirm.name, args=[ORDER], kwargs={}, errbacks=None)
    REPORTS[report](backend, job_id, request)
    assert row(job_id) == before


@pytest.mark.parametrize("state", ["waiting", "running", "in_doubt", "succeeded"])
def test_no_errback_fires_for_a_job_that_has_not_failed(backend, put, monkeypatch, state):
    fired = []
    monkeypatch.setattr(backend, "_call_task_errbacks", lambda *_: fired.append(1))
    job_id = put(state)
    request = Context(id=job_id, errbacks=[{"task": "shop.bill"}], chain=None, chord=None)
    backend.mark_as_failure(job_id, WorkerLostError("gone"), request=request)
    assert fired == []


@pytest.mark.parametrize("state", ["rejected", "failed", "withdrawn"])
def test_the_errbacks_of_a_job_that_failed_fire_and_are_noted(
    backend, put, row, monkeypatch, state
):
    fired = []
    monkeypatch.setattr(backend, "_call_task_errbacks", lambda *_: fired.append(1))
    job_id = put(state, link={"task": "shop.ship"}, error=ERROR, finished_at=1.0)
    assert row(job_id)[0].continued_at is None
    request = Context(id=job_id, errbacks=[{"task": "shop.bill"}], chain=None, chord=None)
    backend.mark_as_failure(job_id, Rejected("no"), request=request)
    assert fired == [1]
    assert row(job_id)[0].continued_at is not None


def test_a_success_whose_link_could_not_be_sent_is_not_noted_as_continued(backend, put, row):
    job_id = put("succeeded", link={"task": "shop.ship"}, receipt=RECEIPT, finished_at=1.0)
    backend.mark_as_failure(job_id, OSError("the broker is away"), request=Context(id=job_id))
    assert row(job_id)[0].continued_at is None
    backend.mark_as_done(job_id, RECEIPT, request=Context(id=job_id))
    assert row(job_id)[0].continued_at is not None


# --- revoke ---------------------------------------------------------------------------------


def test_a_revoke_by_several_workers_withdraws_once(backend, put, row):
    job_id = put("waiting")
    for _ in range(3):
        worker_state.revoked.add(job_id)
        backend.mark_as_revoked(job_id, "revoked", request=None, store_result=True)
        assert job_id not in worker_state.revoked
    job, steps, others = row(job_id)
    assert job.state == "withdrawn"
    assert [step.new for step in steps] == ["waiting", "withdrawn"]
    assert others == []


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("running", {"effect": "possible", "lease_until": 9e9}),
        ("in_doubt", {"effect": "possible"}),
        ("waiting", {"effect": "applied"}),
        ("succeeded", {"effect": "applied"}),
    ],
)
def test_a_revoke_leaves_what_may_have_been_sent_and_lets_its_messages_pass(
    backend, put, row, state, values
):
    job_id = put(state, **values)
    before = row(job_id)
    worker_state.revoked.add(job_id)
    backend.mark_as_revoked(job_id, "terminated")
    assert row(job_id) == before
    assert job_id not in worker_state.revoked


def test_a_revoke_of_the_running_call_is_left_to_its_settle(backend, door, row):
    job_id = confirm.delay(ORDER, seller="acme").id
    held = claims.claim(door.ledger, job_id, "a worker")
    assert isinstance(held, Claim)
    backend.mark_as_revoked(job_id, "terminated")
    assert row(job_id)[0].lease_token == held.token


# --- results of other tasks -----------------------------------------------------------------


def test_results_of_other_tasks_are_kept_and_forgotten(backend):
    value = {"when": datetime(2026, 1, 2, tzinfo=UTC), "price": Decimal("9.90"), "list": [1, None]}
    backend.mark_as_done("other", value, request=Context(id="other"))
    result = AsyncResult("other", app=app, backend=backend)
    assert (result.state, result.get(timeout=1)) == (states.SUCCESS, value)
    backend.mark_as_done("other", "newer", request=Context(id="other"))
    assert backend.reload_task_result("other") is None
    result.forget()
    assert AsyncResult("other", app=app, backend=backend).state == states.PENDING


def test_the_error_of_another_task_is_raised_to_who_asks(backend):
    text = "Traceback: where the shelf was looked for"
    error = KeyError("shelf")
    backend.mark_as_failure("broken", error, traceback=text, request=Context(id="broken"))
    result = AsyncResult("broken", app=app, backend=backend)
    assert (result.state, result.traceback) == (states.FAILURE, text)
    with pytest.raises(KeyError, match="shelf"):
        result.get(timeout=1)


def test_another_task_is_revoked_and_retried_as_celery_says(backend):
    backend.mark_as_revoked("other", "revoked", request=Context(id="other"))
    assert AsyncResult("other", app=app, backend=backend).state == states.REVOKED
    backend.store_result("third", ValueError("x"), states.RETRY, request=Context(id="third"))
    assert AsyncResult("third", app=app, backend=backend).state == states.RETRY


def test_groups_are_kept_and_forgotten(backend, put):
    members = [AsyncResult(put("waiting"), app=app), AsyncResult("other", app=app)]
    group = GroupResult("group", members, app=app)
    group.save(backend)
    found = GroupResult.restore("group", backend=backend, app=app)
    assert [member.id for member in found.results] == [member.id for member in members]
    group.delete(backend)
    assert GroupResult.restore("group", backend=backend, app=app) is None


def test_another_name_of_a_job_answers_with_the_job(put, door):
    job_id = put("succeeded", receipt=RECEIPT)
    confirm.apply_async((ORDER,), {"seller": "acme"}, task_id="alias")
    result = AsyncResult("alias", app=app)
    assert (result.id, result.get(timeout=1)) == ("alias", RECEIPT)
    assert outside.find_job(door.ledger.database, "alias").job.id == job_id


def test_a_retried_job_is_open_again_and_what_hangs_on_it_is_told_anew(put, door, row):
    ended = {"finished_at": 1.0, "continued_at": 2.0, "holds_key": False, "ready": False}
    job_id = put("failed", link=app.signature("shop.ship"), error=ERROR, **ended)
    assert AsyncResult(job_id, app=app).state == states.FAILURE
    assert retries.retry(door.ledger, job_id, actor="operator").refusal is None
    assert AsyncResult(job_id, app=app).state == states.PENDING
    assert row(job_id)[0].continued_at is None
    request = {"id": job_id, "delivery_info": {}, "is_eager": False}
    trace_task(confirm, job_id, (), {}, request, app=app)
    assert AsyncResult(job_id, app=app).get(timeout=1)["order_state"] == "Open"
    assert row(job_id)[0].continued_at > 2.0


# --- what must not be seen ------------------------------------------------------------------


def test_no_line_and_no_event_of_celery_shows_the_buyer(door, provider, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    # Whether Celery tells of successes is settled when a task first runs.
    monkeypatch.setattr(app.tasks[confirm.name], "__trace__", None)
    job = confirm.delay(ORDER, seller="acme")
    request = {"id": job.id, "delivery_info": {}, "is_eager": False}
    outcome = trace_task(confirm, job.id, (), {}, request, app=app)
    receipt = job.get(timeout=1)
    buyer = [text for text in _texts(receipt["details"]) if len(text) > 5]
    assert any("@" in text for text in buyer), receipt  # else this test could not fail
    shown = caplog.text + outcome.retstr  # what the line and the event have of the result
    assert "succeeded in" in shown
    assert not [text for text in buyer if text in shown.replace(ORDER, "")]


def _texts(value):
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_the_tasks_ask_for_no_result_in_logs_events_or_late_acks():
    for task in (confirm, cancel):
        assert task.resultrepr_maxsize == 0
        assert (task.acks_late, task.reject_on_worker_lost, task.track_started) == (False,) * 3
        assert set(task.throws) >= {Rejected, Failed}

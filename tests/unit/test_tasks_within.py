"""What a task's `delay_within` hands on, and that nothing of the broker's reaches the caller."""

import sqlite3

import pytest
from celery import signature
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from worker import broker, tasks
from worker.app import app, cancel, confirm
from worker.errors import BadInput
from worker.ledger.schema import jobs
from worker.tasks import JobTask

ORDER = "S01-1234567-1234567"


@pytest.fixture
def session(door):
    with Session(door.ledger.database.engine) as shop:
        yield shop


@pytest.fixture
def rows(door):
    def read():
        with door.ledger.database.read() as connection:
            return connection.execute(select(jobs)).all()

    return read


@pytest.fixture
def sent(monkeypatch):
    """The ids of the messages that would go, from a process whose broker reaches a worker."""
    ids = []
    monkeypatch.setattr(broker, "reaches_a_worker", lambda _url: True)
    monkeypatch.setattr(JobTask, "_send", lambda _self, job_id, *_: ids.append(job_id))
    return ids


def test_it_returns_the_jobs_result_and_sends_after_the_commit(session, rows, sent):
    result = cancel.delay_within(session, ORDER, seller="acme", reason="out of stock")
    assert sent == []
    session.commit()
    (job,) = rows()
    assert (job.id, job.task, job.reason) == (result.id, "cancel", "out of stock")
    assert (result.state, sent) == ("PENDING", [result.id])


def test_what_hangs_on_the_call_and_its_times_are_kept(session, rows, sent):
    ship = signature("shop.ship", app=app)
    confirm.apply_async_within(
        session, (ORDER,), {"seller": "acme"}, link=ship, countdown=60, expires=90
    )
    session.commit()
    (job,) = rows()
    assert job.options["link"]["task"] == "shop.ship"
    assert job.due_at - job.accepted_at == pytest.approx(60)
    assert job.deadline - job.accepted_at == pytest.approx(90)
    assert sent == []


def test_an_in_memory_broker_of_another_process_is_not_published_to(session, rows, monkeypatch):
    monkeypatch.setattr(JobTask, "_send", lambda *_: pytest.fail("nobody reads it"))
    confirm.delay_within(session, ORDER, seller="acme")
    session.commit()
    assert [job.publish_count for job in rows()] == [0]


def test_a_broker_that_is_down_does_not_fail_the_commit(session, rows, monkeypatch):
    def refuse(*_args, **_words):
        raise ConnectionRefusedError

    monkeypatch.setattr(broker, "reaches_a_worker", lambda _url: True)
    monkeypatch.setattr(tasks, "publishing", broker.Publishing())
    monkeypatch.setattr(tasks.CeleryTask, "apply_async", refuse)
    result = confirm.delay_within(session, ORDER, seller="acme")
    session.commit()
    assert [job.id for job in rows()] == [result.id]
    assert tasks.publishing.paused


def test_bad_input_is_refused_before_the_connection_is_touched(door):
    with pytest.raises(BadInput) as refused:
        confirm.delay_within(object(), "odd", seller="acme")
    assert refused.value.field == "order_id"
    with pytest.raises(BadInput) as refused:
        confirm.delay_within(object(), ORDER, seller="acme")
    assert refused.value.field == "connection"


def test_a_plain_connection_of_sqlite3_is_the_callers_to_commit(door, rows):
    file = make_url(str(door.ledger.database.engine.url)).database
    shop = sqlite3.connect(file)
    result = confirm.delay_within(shop, ORDER, seller="acme")
    assert shop.in_transaction
    assert rows() == []
    shop.commit()
    shop.close()
    assert [job.id for job in rows()] == [result.id]

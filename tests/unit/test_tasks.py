"""What a call of a task records, and what the body of a message comes to."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery, chain, chord, group, signature
from celery import Task as CeleryTask
from celery.app.trace import trace_task
from celery.exceptions import Ignore
from sqlalchemy import func, select

from worker import broker
from worker.app import app, cancel, confirm
from worker.domain.jobs import Task
from worker.errors import BadInput, Failed, LedgerUnavailable, Rejected, Withdrawn
from worker.ledger import outside, recovery, withdrawals
from worker.ledger.schema import aliases, jobs, results, transitions
from worker.outage import Outage
from worker.tasks import DUE, JobTask, kept

ORDER = "S01-1234567-1234567"


@pytest.fixture
def rows(door):
    def read(table=jobs):
        with door.ledger.database.read() as connection:
            return connection.execute(select(table)).all()

    return read


@pytest.fixture
def arrive(door):
    """Let a message of a task arrive in this process; Celery's word for what came of it."""

    def deliver(task, task_id, args=(), kwargs=None, **request):
        request = {
            "id": task_id,
            "delivery_info": {"priority": None, "routing_key": "order-worker"},
            "is_eager": False,
            **request,
        }
        done = trace_task(task, task_id, args, kwargs or {}, request, app=app, eager=False)
        return done[1].state if done[1] else "SUCCESS"

    return deliver


# --- what is recorded -----------------------------------------------------------------------


@pytest.mark.parametrize("task_id", ["\xe9" * 128, "x" * 256, "a\x00b", "half \ud800", 7])
def test_an_id_that_no_message_could_go_by_is_refused(rows, task_id):
    """RabbitMQ has a byte for its length, and what cannot be sent stands before all others."""
    with pytest.raises(BadInput, match="task_id: must be text of 1 to 255 bytes"):
        confirm.apply_async((ORDER,), {"seller": "acme"}, task_id=task_id)
    with pytest.raises(BadInput, match="reply_to: must be text of 1 to 255 bytes"):
        confirm.apply_async((ORDER,), {"seller": "acme"}, reply_to="x" * 256)
    assert rows() == []


def test_headers_that_no_frame_of_a_broker_holds_are_refused(rows):
    with pytest.raises(BadInput, match="headers: and stamps are more than 65536 characters"):
        confirm.apply_async((ORDER,), {"seller": "acme"}, headers={"note": "x" * 2**16})
    assert rows() == []


def test_a_call_is_recorded_under_the_id_that_it_returns(rows, door):
    result = confirm.delay(ORDER, seller="acme")
    (job,) = rows()
    assert (job.id, job.task, job.order_id, job.seller) == (result.id, "confirm", ORDER, "acme")
    assert (result.state, job.state, job.options) == ("PENDING", "waiting", None)


def test_countdown_becomes_the_jobs_due_time(rows, door):
    confirm.apply_async((ORDER,), {"seller": "acme"}, countdown=120)
    (job,) = rows()
    assert job.due_at - job.accepted_at == pytest.approx(120)
    assert not job.ready
    assert job.options is None


@pytest.mark.parametrize("naive", [True, False])
@pytest.mark.parametrize("as_text", [True, False])
def test_eta_is_a_datetime_or_its_text_in_utc_unless_it_says_otherwise(rows, door, naive, as_text):
    eta = datetime.now(UTC) + timedelta(seconds=90)
    eta = eta.replace(tzinfo=None) if naive else eta
    confirm.apply_async((ORDER,), {"seller": "acme"}, eta=eta.isoformat() if as_text else eta)
    (job,) = rows()
    assert job.due_at - job.accepted_at == pytest.approx(90, abs=1)


def test_expires_becomes_the_jobs_deadline_and_is_on_no_message(rows, door):
    confirm.apply_async((ORDER,), {"seller": "acme"}, expires=30, countdown=10)
    (job,) = rows()
    # As in Celery: from now.
    assert job.deadline - job.accepted_at == pytest.approx(30)
    assert job.expires_at - job.accepted_at == pytest.approx(30)
    assert job.options is None


def test_an_expiry_does_not_prolong_a_jobs_time(rows, door):
    confirm.apply_async((ORDER,), {"seller": "acme"}, expires=10**8)
    (job,) = rows()
    assert job.deadline - job.accepted_at == pytest.approx(3 * 3600)


@pytest.mark.parametrize("field", ["countdown", "eta", "expires"])
@pytest.mark.parametrize(
    "odd",
    ["soon", float("nan"), float("inf"), 1e300, 10**400, 1e12, "9999-12-31", [1], timedelta(1)],
)
def test_a_time_that_is_none_is_refused_at_the_caller(rows, door, field, odd):
    with pytest.raises(BadInput) as refused:
        confirm.apply_async((ORDER,), {"seller": "acme"}, **{field: odd})
    assert refused.value.field == field
    assert rows() == []


def test_options_of_the_message_alone_are_not_kept(rows, door):
    confirm.apply_async(
        (ORDER,),
        {"seller": "acme"},
        retry=True,
        retry_policy={"max_retries": 9},
        priority=9,
        queue="elsewhere",
        time_limit=3,
        ignore_result=True,
    )
    (job,) = rows()
    assert job.options is None
    assert job.priority == 0


def test_what_a_caller_hangs_on_a_task_is_kept_as_plain_json(rows, door):
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ship = signature("shop.ship", args=(when,), app=app)
    later = signature("shop.bill", app=app)
    confirm.apply_async(
        (ORDER,),
        {"seller": "acme"},
        link=ship,
        link_error=[later, later],
        headers={"trace": "1"},
        shadow="confirm it",
        chain=[dict(later)],
        group_id="g",
        group_index=3,
        root_id="r",
        parent_id="p",
        reply_to="q",
    )
    options = rows()[0].options
    assert json.loads(json.dumps(options)) == options
    assert options["link"]["task"] == "shop.ship"
    assert [each["task"] for each in options["link_error"]] == ["shop.bill", "shop.bill"]
    assert options["chain"][0]["task"] == "shop.bill"
    assert {name: options[name] for name in ("headers", "shadow", "group_id", "group_index")} == {
        "headers": {"trace": "1"},
        "shadow": "confirm it",
        "group_id": "g",
        "group_index": 3,
    }
    assert (options["root_id"], options["parent_id"], options["reply_to"]) == ("r", "p", "q")


def test_stamps_are_kept_by_their_own_names(rows, door):
    stamped = confirm.s(ORDER, seller="acme")
    stamped.stamp(shop="north", visit=7)
    stamped.apply_async()
    options = rows()[0].options
    assert set(options["stamped_headers"]) == {"shop", "visit"}
    assert (options["shop"], options["visit"]) == ("north", 7)


def test_what_is_no_json_is_refused_and_nothing_recorded(rows, door):
    with pytest.raises(BadInput, match="JSON"):
        confirm.apply_async((ORDER,), {"seller": "acme"}, headers={"odd": object()})
    assert rows() == []


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        ("headers", [1]),
        ("headers", {1: "a"}),
        ("headers", {"id": "another", "task": "worker.nope"}),
        ("stamped_headers", 5),
        ("stamped_headers", [["a"]]),
        ("stamped_headers", "text"),
        ("shadow", {"a": 1}),
        ("reply_to", 5),
        ("root_id", {"a": 1}),
        ("parent_id", [1]),
        ("group_id", 5),
        ("group_index", {"a": 1}),
        ("link", "garbage"),
        ("link", {"task": 5}),
        ("link", [5]),
        ("link_error", 5),
        ("chain", 5),
        ("chord", 5),
    ],
)
def test_what_celery_could_not_send_is_refused_at_the_caller(rows, door, field, odd):
    with pytest.raises(BadInput) as refused:
        confirm.apply_async((ORDER,), {"seller": "acme"}, **{field: odd})
    assert refused.value.field == field
    assert rows() == []


@pytest.mark.parametrize(
    "following",
    [
        {"link": cancel.s(ORDER, seller="acme")},
        {"chain": [cancel.s(ORDER, seller="acme")]},
        {"link_error": [cancel.s(ORDER, seller="acme")]},
        {"link": chain(cancel.s(ORDER, seller="acme"), signature("shop.ship"))},
        {"link": group(signature("shop.ship"), cancel.s(ORDER, seller="acme"))},
        {"link": chord([cancel.s(ORDER, seller="acme")], signature("shop.ship"))},
    ],
)
def test_a_job_that_would_be_given_what_comes_before_it_is_refused_at_the_caller(
    rows, door, following
):
    with pytest.raises(BadInput, match=r"write cancel\.si\(…\)"):
        confirm.apply_async((ORDER,), {"seller": "acme"}, **following)
    assert rows() == []


def test_a_chain_of_jobs_that_take_nothing_over_is_accepted(rows, door):
    (confirm.s(ORDER, seller="acme") | cancel.si(ORDER, seller="acme")).delay()
    (job,) = rows()
    assert job.options["chain"][0]["task"] == "worker.cancel"
    # What ship gives may be an order.
    inner = chain(signature("shop.ship", app=app), cancel.s(seller="acme"))
    confirm.apply_async(("S01-1234567-7654321",), {"seller": "acme"}, link=inner)
    assert len(rows()) == 2


def test_what_a_task_of_the_shop_returns_may_be_the_order_of_the_next_job(rows, door):
    find = signature("shop.find", app=app)
    (confirm.s(ORDER, seller="acme") | find | cancel.s(seller="acme")).delay()
    assert len(rows()) == 1
    with pytest.raises(BadInput, match="chain"):  # a job's receipt never is, wherever it stands
        (confirm.s(ORDER, "acme") | find | cancel.si(ORDER, "acme") | confirm.s("acme")).delay()


@pytest.mark.parametrize(
    "odd", [{"kwargs": 5}, {"kwargs": {"tasks": 5}}, {"kwargs": {"tasks": [5, {"task": [1]}]}}]
)
def test_a_canvas_from_elsewhere_may_be_odd(door, odd):
    assert kept(app, {"link": {"task": "celery.group", **odd}})


def test_what_celery_cannot_send_is_left_out_and_publishing_goes_on(door, monkeypatch):
    sent = []

    def send(_self, _args, _words, task_id, add_to_parent, **hung):
        assert not add_to_parent
        if hung:
            raise TypeError("Jane Doe")
        sent.append(task_id)

    monkeypatch.setattr("celery.Task.apply_async", send)
    now = broker.Publishing()
    monkeypatch.setattr("worker.tasks.publishing", now)
    request = door.producers.request(Task.CONFIRM, (ORDER, "acme"), {})
    assert confirm.announce("one", request, {"headers": [1]})
    assert sent == ["one"]
    assert not now.paused


def test_a_broker_that_fails_is_not_asked_again_without_what_hangs(door, monkeypatch):
    sent = []

    def send(*_args, **_words):
        sent.append(1)
        raise ConnectionError("away")

    monkeypatch.setattr("celery.Task.apply_async", send)
    now = broker.Publishing()
    monkeypatch.setattr("worker.tasks.publishing", now)
    request = door.producers.request(Task.CONFIRM, (ORDER, "acme"), {})
    assert not confirm.announce("one", request, {"headers": {"a": 1}})
    assert sent == [1]
    assert now.paused


# --- asking twice ---------------------------------------------------------------------------


def test_asking_twice_answers_with_the_first_job(rows, door):
    first = confirm.delay(ORDER, seller="acme")
    assert confirm.delay(ORDER, seller="acme") == first
    assert len(rows()) == 1


def test_an_id_that_was_given_beforehand_becomes_another_name_of_the_job(rows, door):
    first = confirm.delay(ORDER, seller="acme")
    confirm.apply_async((ORDER,), {"seller": "acme"}, task_id="given")
    assert [(alias.id, alias.job_id) for alias in rows(aliases)] == [("given", first.id)]
    withdrawals.withdraw(door.ledger, first.id, "test", "not wanted")
    assert confirm.AsyncResult("given").state == "REVOKED"


def test_another_reason_under_the_same_key_is_refused(rows, door):
    cancel.delay(ORDER, seller="acme", reason="out of stock")
    with pytest.raises(BadInput, match="another reason"):
        cancel.delay(ORDER, seller="acme", reason="too late")
    assert len(rows()) == 1


def test_again_asks_anew_after_a_success_and_only_then(rows, door, arrive):
    first = confirm.delay(ORDER, seller="acme")
    assert confirm.delay(ORDER, seller="acme", again=True) == first
    assert arrive(confirm, first.id) == "SUCCESS"
    assert confirm.delay(ORDER, seller="acme") == first
    second = confirm.delay(ORDER, seller="acme", again=True)
    assert second != first
    assert [job.previous_id for job in rows()] == [None, first.id]


# --- the door -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "args", "words", "field"),
    [
        (confirm, (), {}, "order_id"),
        (confirm, (ORDER,), {}, "seller"),
        (confirm, (ORDER,), {"seller": "acme", "colour": "red"}, "colour"),
        (confirm, (ORDER,), {"seller": "acme", "reason": "x"}, "reason"),
        (confirm, (ORDER,), {"seller": "acme", "order_id": ORDER}, "order_id"),
        (confirm, (ORDER, "acme", "x"), {}, "arguments"),
        (confirm, (ORDER,), {"seller": "nobody"}, "seller"),
        (confirm, (ORDER,), {"seller": None}, "seller"),
        (confirm, (12,), {"seller": "acme"}, "order_id"),
        (confirm, ("",), {"seller": "acme"}, "order_id"),
        (confirm, ("S01-\x00",), {"seller": "acme"}, "order_id"),
        (cancel, (ORDER,), {"seller": "acme", "reason": "\ud800"}, "reason"),
        (cancel, (ORDER,), {"seller": "acme", "reason": ["list"]}, "reason"),
        (confirm, ("10937342",), {"seller": "mall"}, "task"),
        (confirm, (ORDER,), {"seller": "acme", "priority": "high"}, "priority"),
        (confirm, (ORDER,), {"seller": "acme", "priority": 1.5}, "priority"),
        (confirm, (ORDER,), {"seller": "acme", "priority": True}, "priority"),
        (confirm, (ORDER,), {"seller": "acme", "key": ""}, "key"),
        (confirm, (ORDER,), {"seller": "acme", "key": "\ud800"}, "key"),
    ],
)
def test_bad_input_is_raised_at_the_caller_and_nothing_recorded(
    rows, door, task, args, words, field
):
    with pytest.raises(BadInput) as refused:
        task.apply_async(args, words)
    assert refused.value.field == field
    assert rows() == []


def test_a_ledger_that_cannot_be_opened_is_said_to_the_caller(configured, monkeypatch):
    configured()
    monkeypatch.setenv("ORDER_WORKER_LEDGER__URL", "sqlite:////nowhere/at/all.db")
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        confirm.delay(ORDER, seller="acme")


def test_in_memory_messages_are_sent_only_by_a_process_that_reads_them(door, monkeypatch):
    sent = []
    monkeypatch.setattr(broker.Publishing, "attempt", lambda _self, _publish: sent.append(1))
    confirm.delay(ORDER, seller="acme")
    assert sent == []
    monkeypatch.setattr(broker, "_in_worker", True)
    confirm.delay("S01-1234567-7654321", seller="acme")
    assert sent == [1]


# --- the body -------------------------------------------------------------------------------


def test_a_message_carries_its_job_out_and_returns_the_receipt(door, arrive, provider):
    result = confirm.delay(ORDER, seller="acme")
    assert arrive(confirm, result.id) == "SUCCESS"
    assert result.get(timeout=1)["order_id"] == ORDER
    assert provider.order(ORDER)["changed"] == {"ConfirmOrderReference": 1}


def test_a_message_that_comes_twice_repeats_the_answer_and_not_the_call(door, arrive, provider):
    result = confirm.delay(ORDER, seller="acme")
    assert [arrive(confirm, result.id) for _ in range(3)] == ["SUCCESS"] * 3
    assert provider.order(ORDER)["accepted"] == {"ConfirmOrderReference": 1}


def test_a_job_that_waits_leaves_its_message_ignored_and_its_caller_waiting(door, arrive):
    result = confirm.apply_async((ORDER,), {"seller": "acme"}, countdown=60)
    assert arrive(confirm, result.id) == "IGNORED"
    assert result.state == "PENDING"


def test_a_body_outside_of_a_worker_is_ignored_rather_than_repeated(door):
    assert issubclass(Ignore, Exception)  # and never Reject, which writes a FAILURE
    confirm.push_request(id=confirm.apply_async((ORDER,), {"seller": "acme"}, countdown=9).id)
    try:
        with pytest.raises(Ignore):
            confirm.run()
    finally:
        confirm.pop_request()


@pytest.mark.parametrize(
    ("state", "error"), [("rejected", Rejected), ("failed", Failed), ("withdrawn", Withdrawn)]
)
def test_a_job_that_ended_without_its_effect_raises_its_error(door, arrive, state, error, provider):
    options = {"expires": -1} if state == "failed" else {}
    if state == "rejected":
        provider.stage(ORDER, state="Canceled")
    result = confirm.apply_async((ORDER,), {"seller": "acme"}, **options)
    if state == "withdrawn":
        withdrawals.withdraw(door.ledger, result.id, "test", "not wanted")
    if state == "failed":
        recovery.recover(door.ledger, "test")
    assert arrive(confirm, result.id) == "FAILURE"
    assert outside.find_job(door.ledger.database, result.id).job.state == state
    confirm.push_request(id=result.id)
    try:
        with pytest.raises(error):
            confirm.run()
    finally:
        confirm.pop_request()


# --- messages from elsewhere ----------------------------------------------------------------


def test_a_message_from_elsewhere_is_recorded_under_its_own_id_and_run(rows, arrive, provider):
    assert arrive(confirm, "from-elsewhere", (ORDER, "acme")) == "SUCCESS"
    (job,) = rows()
    assert (job.id, job.state) == ("from-elsewhere", "succeeded")
    assert provider.order(ORDER)["state"] == "Open"


def test_what_hangs_on_a_message_from_elsewhere_is_kept(rows, arrive):
    ship = dict(signature("shop.ship", app=app))
    arrive(confirm, "linked", (ORDER, "acme"), callbacks=[ship], errbacks=[ship], root_id="r")
    (job,) = rows()
    assert job.options["link"][0]["task"] == "shop.ship"
    assert job.options["link_error"][0]["task"] == "shop.ship"
    assert job.options["root_id"] == "r"


def test_what_hangs_on_a_message_from_elsewhere_and_cannot_be_sent_is_left_out(rows, arrive):
    assert arrive(confirm, "odd", (ORDER, "acme"), shadow={"a": 1}) == "SUCCESS"
    (job,) = rows()
    assert (job.state, job.options) == ("succeeded", None)


RECEIPT = {"order_id": ORDER, "details": {"buyer": "Jane Doe", "street": "Elm Street"}}


def test_of_a_receipt_that_came_as_an_argument_nothing_is_kept_or_said(rows, arrive, capfd, caplog):
    arrive(cancel, "linked", (RECEIPT,), {"seller": "acme", "reason": "x"})
    (job,) = rows()
    assert (job.state, job.order_id) == ("rejected", "dict")
    assert "not text" in job.error["message"]
    said = capfd.readouterr()
    everything = repr([*rows(), *rows(transitions), *rows(results)])
    for place in (everything, caplog.text, said.out, said.err):
        assert "Jane" not in place
        assert "Elm" not in place


def test_what_is_no_text_is_refused_by_its_type(rows, door):
    for words in ({"reason": RECEIPT}, {"reason": "x", "priority": RECEIPT}):
        with pytest.raises(BadInput) as refused:
            cancel.apply_async((ORDER,), {"seller": "acme", **words})
        assert "Jane" not in str(refused.value)


def test_the_same_order_twice_from_elsewhere_is_one_job_with_two_names(rows, arrive, provider):
    assert arrive(confirm, "one", (ORDER,), {"seller": "acme"}) == "SUCCESS"
    assert arrive(confirm, "two", (ORDER,), {"seller": "acme"}) == "SUCCESS"
    assert [job.id for job in rows()] == ["one"]
    assert confirm.AsyncResult("two").get(timeout=1) == confirm.AsyncResult("one").get(timeout=1)
    assert provider.order(ORDER)["accepted"] == {"ConfirmOrderReference": 1}


ODD = [
    ((), {}),
    ((ORDER,), {}),
    ((None,), {"seller": "acme"}),
    ((12,), {"seller": "acme"}),
    ((["S01"],), {"seller": {"a": 1}}),
    ((ORDER,), {"seller": "nobody"}),
    ((ORDER,), {"seller": "acme", "colour": "red"}),
    ((ORDER,), {"seller": "acme", "col\x00our": "red"}),
    ((ORDER, "acme", 1, 2, 3, 4, 5, 6, 7, 8), {}),
    ((ORDER, "acme"), {"seller": "acme"}),
    (("x" * 1_000_000,), {"seller": "acme"}),
    (("\x00" * 300,), {"seller": "\x00"}),
    (("\ud800",), {"seller": "\udfff"}),
    ((ORDER,), {"seller": "acme", "priority": "high"}),
    ((ORDER,), {"seller": "acme", "priority": 2**40}),
    ((ORDER,), {"seller": "acme", "key": []}),
    ((ORDER,), {"seller": "acme", "key": "k" * 300}),
    ((ORDER,), {"seller": "acme", "success_url": "\ud800"}),
    ((ORDER,), {"seller": "acme", "again": True, "self": 1}),
]


@pytest.mark.parametrize(("args", "words"), ODD)
def test_odd_arguments_from_elsewhere_end_as_a_rejected_job_that_can_be_seen(
    rows, arrive, args, words
):
    assert arrive(confirm, "odd", args, words) == "FAILURE"
    (job,) = rows()
    assert (job.id, job.state, job.ready) == ("odd", "rejected", False)
    assert job.error["kind"] == "bad_input"
    assert len(job.order_id) <= 255
    assert len(json.dumps(job.error)) < 8000
    assert rows(results) == []
    assert arrive(confirm, "odd", args, words) == "FAILURE"  # again, and no second job
    assert len(rows()) == 1
    assert [(step.old, step.new) for step in rows(transitions)] == [(None, "rejected")]


def test_a_message_for_a_reused_key_is_rejected_and_names_the_job(rows, arrive, door):
    cancel.delay(ORDER, seller="acme", reason="one")
    assert arrive(cancel, "late", (ORDER,), {"seller": "acme", "reason": "two"}) == "FAILURE"
    first, second = rows()
    assert (first.state, second.state) == ("waiting", "rejected")
    assert first.id in second.error["message"]


def test_many_callers_of_one_order_make_one_job(rows, door):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        ids = {
            each.id for each in pool.map(lambda _: confirm.delay(ORDER, seller="acme"), range(40))
        }
    assert len(ids) == 1
    with door.ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar() == 1


def _ship(receipt):
    return receipt


@pytest.mark.parametrize("kind", ["link", "link_error"])
def test_what_follows_goes_to_the_queue_of_its_own_application(kind):
    ours = Celery("ours", broker="redis://127.0.0.1/15", set_as_current=False)
    shop = Celery("shop", broker="redis://localhost:6379/15", set_as_current=False)
    shop.conf.task_default_queue = "parcels"
    ship = shop.task(_ship, name="shop.ship")
    (followed,) = kept(ours, {kind: [ship.s()]})[kind]
    assert followed["options"]["queue"] == "parcels"
    (chosen,) = kept(ours, {kind: [ship.s().set(queue="express")]})[kind]
    assert chosen["options"]["queue"] == "express"


@pytest.mark.parametrize(("ours", "theirs"), [("memory://", "memory://"), ("redis://", "amqp://")])
def test_what_nobody_could_receive_is_refused(ours, theirs):
    shop = Celery("shop", broker=theirs, set_as_current=False)
    ship = shop.task(_ship, name="shop.ship")
    with pytest.raises(BadInput, match="a broker that both reach"):
        kept(Celery("ours", broker=ours, set_as_current=False), {"link": ship.s()})


def test_a_call_of_the_task_itself_says_what_to_do(door):
    with pytest.raises(BadInput, match="delay"):
        app.tasks["worker.confirm"]("S01-1234567-1234567", seller="acme")


def test_a_chord_that_another_application_keeps_is_refused(rows, door):
    shop = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    ship = shop.task(_ship, name="shop.ship")
    members = [ship.si(1), confirm.s(ORDER, seller="acme")]
    with pytest.raises(BadInput, match=r"chord: .*app=confirm\.app"):
        chord(members, confirm.si(ORDER, seller="acme"))()
    assert rows() == []
    chord(reversed(members), confirm.si("S01-1234567-7654321", seller="acme"), app=app)()
    assert [(job.order_id, job.options["chord"]["task"]) for job in rows()] == [
        (ORDER, "worker.confirm")
    ]


def test_a_message_that_goes_back_keeps_its_times(door, arrive, monkeypatch):
    sent = []

    def away(*_args):
        raise LedgerUnavailable("away")

    monkeypatch.setattr(JobTask, "_run", away)
    monkeypatch.setattr(Outage.sit_out, "__defaults__", (0.0,))
    monkeypatch.setattr(
        CeleryTask, "apply_async", lambda _self, *_args, **words: sent.append(words)
    )
    later, end = "2031-01-01T00:00:00+00:00", "2032-01-01T00:00:00+00:00"
    times = {DUE: later, "expires": end}
    arrive(cancel, "from-elsewhere", (ORDER,), {"seller": "acme"}, **times)
    (words,) = sent
    assert (words["task_id"], words["eta"], words["expires"]) == ("from-elsewhere", later, end)


def test_a_message_that_can_go_nowhere_is_kept(rows, door, arrive, monkeypatch):
    run, tries = JobTask._run, []

    def away_at_first(task, job_id):
        tries.append(job_id)
        if len(tries) == 1:
            raise LedgerUnavailable("away")
        return run(task, job_id)

    def no_broker(*_args, **_words):
        raise ConnectionError

    monkeypatch.setattr(JobTask, "_run", away_at_first)
    monkeypatch.setattr(Outage.sit_out, "__defaults__", (0.0,))
    monkeypatch.setattr(CeleryTask, "apply_async", no_broker)
    arrive(confirm, "from-elsewhere", (ORDER,), {"seller": "acme"})
    assert [job.id for job in rows()] == ["from-elsewhere"]

"""A worker leaves: what it had not begun any other may have at once; what it holds it ends."""

import time

from tests.conformance.steps import THROTTLED, Quotas, accept, confirm, hold, job, rows, settle
from tests.conformance.test_stale_checks import swept
from tests.conformance.test_stale_moments import shown
from worker.domain.jobs import Policy
from worker.executor import Executor
from worker.ledger import returning, rounds, routing
from worker.ledger.schema import attempts

PROMPTLY = 5.0  # seconds; the wait that is cut short is much longer


class Provider:
    """Answers each request alike, and notes that there was one."""

    sca = False

    def __init__(self, answer=lambda _asked: THROTTLED):
        self.answer = answer
        self.sent = []

    def perform(self, asked):
        self.sent.append(asked.id)
        return self.answer(asked)


def executor(ledger, provider, leaving):
    class Clock:
        monotonic = staticmethod(time.monotonic)
        sleep = staticmethod(time.sleep)

    def pause(seconds):
        until = time.monotonic() + seconds
        while not leaving() and time.monotonic() < until:
            time.sleep(0.01)

    return Executor(ledger, {"acme": provider}, Clock, "w", leaving=leaving, pause=pause)


def recorded(ledger, number):
    """A job that its producer has not published; its id."""
    routing.prepare(ledger)
    return accept(ledger, confirm(number), may_publish=False).job_id


def published(ledger, worker="w"):
    return [each.id for each in rounds.dispatch(ledger, worker, 4, (), 1.0).messages]


def test_what_was_published_and_is_handed_back_another_worker_publishes_at_once(ledger):
    ids = [recorded(ledger, number) for number in range(3)]
    assert published(ledger) == ids
    assert published(ledger, "other") == []
    returning.hand_back(ledger, ids[:2])
    assert published(ledger, "other") == ids[:2]


def test_what_is_claimed_or_final_is_not_handed_back(ledger):
    running, final = (recorded(ledger, number) for number in range(2))
    hold(ledger, running)
    settle(ledger, hold(ledger, final))
    returning.hand_back(ledger, [running, final])
    assert (job(ledger, running).state, job(ledger, final).state) == ("running", "succeeded")
    assert published(ledger, "other") == []


def test_a_worker_that_leaves_claims_nothing_and_hands_back_what_it_was_to_run(ledger):
    job_id = recorded(ledger, 1)
    assert published(ledger) == [job_id]
    provider = Provider()
    left = executor(ledger, provider, lambda: True)
    assert left.run(job_id).id == job_id
    assert left.run("unknown") is None
    assert (provider.sent, job(ledger, job_id).state) == ([], "waiting")
    assert published(ledger, "other") == [job_id]


def test_a_job_that_waits_for_its_next_try_is_settled_when_the_worker_leaves(open_ledger):
    ledger = open_ledger(Quotas(rate=0.01), Policy(patience=1000.0, lease=2000.0))
    job_id = recorded(ledger, 1)
    provider = Provider()
    begun = time.monotonic()
    executor(ledger, provider, lambda: bool(provider.sent)).run(job_id)
    assert time.monotonic() - begun < PROMPTLY
    row = job(ledger, job_id)
    assert (provider.sent, row.state, row.waiting_for) == ([job_id], "waiting", "throttle")
    assert (row.worker, row.effect, row.costs) == (None, "none", 0)


def test_a_sweeps_cancel_whose_check_ends_as_the_worker_leaves_is_not_sent(open_ledger):
    ledger = open_ledger(Quotas(), Policy())
    routing.prepare(ledger)
    job_id = accept(ledger, swept(), may_publish=False).job_id
    provider = Provider(shown)
    executor(ledger, provider, lambda: bool(provider.sent)).run(job_id)
    row = job(ledger, job_id)
    assert (provider.sent, row.state, row.step) == ([job_id], "waiting", "lookup:check")
    assert (row.ready, row.effect) == (True, "none")
    assert not [each for each in rows(ledger, attempts) if each.finished_at is None]


def test_what_the_children_of_a_worker_hold_takes_its_slots(ledger):
    ids = [recorded(ledger, number) for number in range(4)]
    hold(ledger, ids[0], "host:1:abc/11:def")
    hold(ledger, ids[1], "host:2:abc/11:def")
    found = rounds.dispatch(ledger, "host:1:abc", 2, (), 1.0)
    assert [each.id for each in found.messages] == ids[2:3]

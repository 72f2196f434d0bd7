"""The connection to PostgreSQL ends at a commit: before it, or after, and nobody says which.

Each case is run both ways. Whatever happened: one request per token, one token per request, and
what was answered is written once.
"""

import threading

import pytest

from tests.conformance.steps import (
    APPLIED,
    REFUSED,
    UNKNOWN,
    accept,
    confirm,
    decision_on,
    hold,
    job,
    looked_up,
    rows,
    settle,
)
from tests.conformance.test_stale_checks import still_open, swept
from worker.clock import SystemClock
from worker.domain.jobs import Policy
from worker.errors import CommitUnknown, LedgerUnavailable
from worker.executor import Executor
from worker.ledger import claims, holds, settlements
from worker.ledger.holds import Claim, HoldUnknown
from worker.ledger.schema import attempts, transitions
from worker.outage import Outage

BOTH = pytest.mark.parametrize("answered", [False, True], ids=["not written", "written"])
POLICY = Policy(patience=2.0, lookup_after_confirm=False)
A_WHILE = 1.0
COMMIT = "COMMIT\0"  # and not the READ COMMITTED of a BEGIN


class Provider:
    """Answers as its script says, and calls `meanwhile` before each answer."""

    sca = False

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.meanwhile = lambda: None

    def perform(self, asked):
        self.asked.append(str(asked.step))
        self.meanwhile()
        answer = self.answers.pop(0)
        return answer(asked) if callable(answer) else answer


def carry_out(ledger, job_id, provider):
    """As a message is carried out in a worker, which sits an outage out."""
    outage = Outage(SystemClock())
    executor = Executor(ledger, {"acme": provider}, SystemClock(), "w", lambda: 0.0, outage)
    return outage.sit_out(lambda: executor.run(job_id))


def steps_of(ledger, job_id):
    """The states that a job has gone through."""
    found = rows(ledger, transitions)
    return [row.new for row in found if row.job_id == job_id and row.subject == "job"]


def is_whole(ledger, provider):
    """Each request has its token, and none is in flight any more."""
    made = rows(ledger, attempts)
    assert [row.step for row in made] == provider.asked
    assert None not in [row.outcome for row in made]


@BOTH
def test_a_claim(wire, over_wire, answered):
    ledger, provider = over_wire(policy=POLICY), Provider(APPLIED)
    job_id = accept(ledger, confirm(1)).job_id
    wire.cut_at(COMMIT, answered=answered)
    assert carry_out(ledger, job_id, provider).state == "succeeded"
    assert steps_of(ledger, job_id) == ["waiting", "running", "succeeded"]
    is_whole(ledger, provider)


@BOTH
def test_a_claim_is_no_hold_until_it_is_shown_to_be_one(wire, over_wire, answered):
    ledger = over_wire()
    job_id = accept(ledger, confirm(1)).job_id
    wire.cut_at(COMMIT, answered=answered)
    with pytest.raises(HoldUnknown) as unknown:
        claims.claim(ledger, job_id, "w")
    assert holds.is_held(ledger, unknown.value.held) is answered
    # A thread of the same worker, with the same token: its claim is not the lost one.
    other = claims.claim(ledger, job_id, "w")
    if not answered:
        assert isinstance(other, Claim)
        assert other.token == unknown.value.held.token
        assert not holds.is_held(ledger, unknown.value.held)
        assert holds.is_held(ledger, other)


def test_a_claim_that_is_found_too_late_sends_nothing(wire, over_wire):
    policy = Policy(lease=1.2, call_timeout=1.0, patience=0.1)
    ledger, provider = over_wire(policy=policy), Provider()
    job_id = accept(ledger, confirm(1)).job_id
    wire.cut_at(COMMIT, answered=True, then_down=True)
    threading.Timer(0.6, wire.up).start()
    assert carry_out(ledger, job_id, provider).state == "waiting"
    (attempt,) = rows(ledger, attempts)
    assert attempt.message.startswith("not sent")
    assert job(ledger, job_id).effect == "none"


@BOTH
def test_a_settle(wire, over_wire, answered):
    ledger, provider = over_wire(policy=POLICY), Provider(APPLIED)
    job_id = accept(ledger, confirm(1)).job_id
    provider.meanwhile = lambda: wire.cut_at(COMMIT, answered=answered)
    assert carry_out(ledger, job_id, provider).state == "succeeded"
    assert steps_of(ledger, job_id) == ["waiting", "running", "succeeded"]
    is_whole(ledger, provider)


def test_a_settle_that_is_written_already_is_not_too_late(wire, over_wire):
    ledger = over_wire(policy=POLICY)
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    wire.cut_at(COMMIT, answered=True)
    with pytest.raises(CommitUnknown):
        settle(ledger, held, REFUSED)
    assert settle(ledger, held, REFUSED)
    assert steps_of(ledger, held.job.id) == ["waiting", "running", "waiting"]


@BOTH
def test_a_further_request(wire, over_wire, answered):
    ledger, provider = over_wire(policy=POLICY), Provider(REFUSED, APPLIED)
    job_id = accept(ledger, confirm(1)).job_id
    # The first commit after an answer is that of the note; the next one takes the token.
    noted = settlements.note

    def note(*words):
        done = noted(*words)
        wire.cut_at(COMMIT, answered=answered)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlements, "note", note)
        carry_out(ledger, job_id, provider)
    is_whole(ledger, provider)
    if answered:
        assert steps_of(ledger, job_id) == ["waiting", "running", "succeeded"]
    else:  # what was answered is settled, and no more was sent
        assert steps_of(ledger, job_id) == ["waiting", "running", "waiting"]
        assert job(ledger, job_id).costs == 1


@BOTH
def test_the_note_of_an_answer(wire, over_wire, answered):
    ledger, provider = over_wire(policy=POLICY), Provider(REFUSED)
    job_id = accept(ledger, confirm(1)).job_id
    provider.meanwhile = lambda: wire.cut_at(COMMIT, answered=answered)
    assert carry_out(ledger, job_id, provider).state == "waiting"
    is_whole(ledger, provider)
    assert job(ledger, job_id).costs == 1


@BOTH
def test_the_write_that_a_check_lets_go(wire, over_wire, answered):
    ledger = over_wire(policy=POLICY)
    provider = Provider(*[still_open_of] * (1 if answered else 2), APPLIED)
    job_id = accept(ledger, swept()).job_id
    provider.meanwhile = lambda: len(provider.asked) == 1 and wire.cut_at(COMMIT, answered=answered)
    carry_out(ledger, job_id, provider)
    is_whole(ledger, provider)
    again = [] if answered else ["waiting", "running"]  # a check counts for its claim alone
    assert steps_of(ledger, job_id) == ["waiting", "running", *again, "succeeded"]


def still_open_of(asked):
    class Held:
        job = asked

    return still_open(Held)


@BOTH
def test_an_acceptance(wire, over_wire, answered):
    ledger = over_wire()
    assert rows(ledger) == []
    wire.cut_at(COMMIT, answered=answered)
    accepted = accept(ledger, confirm(1))
    assert accepted.created
    assert [row.id for row in rows(ledger)] == [accepted.job_id]


@BOTH
def test_an_acceptance_that_nobody_can_tell_of_says_so(wire, over_wire, answered):
    ledger = over_wire()
    assert rows(ledger) == []
    wire.cut_at(COMMIT, answered=answered, then_down=True)
    with pytest.raises(CommitUnknown, match="whether it has written is not known"):
        accept(ledger, confirm(1), job_id="mine")
    wire.up()
    assert len(rows(ledger)) == answered
    assert accept(ledger, confirm(1)).created is not answered
    assert len(rows(ledger)) == 1


def test_a_connection_that_ends_within_a_transaction_is_replaced_at_once(wire, over_wire):
    ledger = over_wire()
    accept(ledger, confirm(1))
    wire.cut_at("INSERT", answered=False)
    assert accept(ledger, confirm(2)).created
    wire.cut_at("INSERT", answered=True)
    assert accept(ledger, confirm(3)).created
    assert len(rows(ledger)) == 3


def test_what_is_cut_twice_is_a_ledger_that_is_away(wire, over_wire):
    ledger = over_wire()
    wire.cut_at("INSERT", answered=True, times=2)
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        accept(ledger, confirm(1))
    assert rows(ledger) == []


def test_a_receipt_outlives_its_lease_while_the_ledger_is_away(wire, over_wire):
    policy = Policy(lease=0.5, call_timeout=0.2, patience=0.1, lookup_after_confirm=False)
    ledger, provider = over_wire(policy=policy), Provider(APPLIED)
    job_id = accept(ledger, confirm(1)).job_id
    provider.meanwhile = lambda: wire.cut_at("order_worker_orders", answered=False, then_down=True)
    threading.Timer(A_WHILE, wire.up).start()
    assert carry_out(ledger, job_id, provider).state == "succeeded"
    assert steps_of(ledger, job_id) == ["waiting", "running", "succeeded"]


def test_nothing_is_written_for_a_lease_that_was_taken_away_meanwhile(wire, over_wire):
    ledger = over_wire(policy=POLICY)
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    decision = decision_on(ledger, held, APPLIED)
    with ledger.database.write() as connection:
        values = {"lease_token": held.token + 1, "state": "in_doubt"}
        connection.execute(claims.WRITE, {"job_id": held.job.id, **values})
    assert settlements.settle(ledger, held, APPLIED, decision) is False
    assert job(ledger, held.job.id).state == "in_doubt"


def test_a_lookup_is_no_exception(wire, over_wire):
    ledger = over_wire(policy=Policy(doubt_wait=0.1, call_timeout=0.1))
    held = hold(ledger, accept(ledger, confirm(1)).job_id)
    settle(ledger, held, UNKNOWN)
    with ledger.database.write() as connection:
        connection.execute(claims.WRITE, {"job_id": held.job.id, "due_at": 0.0})
    provider = Provider(lambda asked: looked_up(type("Held", (), {"job": asked})))
    wire.cut_at(COMMIT, answered=True)
    assert carry_out(ledger, held.job.id, provider).state == "succeeded"
    assert provider.asked == ["lookup:doubt"]

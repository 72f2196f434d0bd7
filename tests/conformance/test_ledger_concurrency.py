"""Many at once: whoever comes together, no order is worked on twice and no token taken twice."""

import functools
import random
import time
from collections import Counter

import pytest

from tests.conformance.steps import (
    APPLIED,
    DENIED,
    REFUSED,
    THROTTLED,
    UNKNOWN,
    Quotas,
    accept,
    at_once,
    cancel,
    confirm,
    decision_on,
    looked_up,
    rows,
    settle,
)
from worker.domain.jobs import Policy
from worker.ledger import (
    acceptance,
    claims,
    quotas,
    recovery,
    retries,
    rounds,
    routing,
    settlements,
    withdrawals,
)
from worker.ledger.acceptance import Terms
from worker.ledger.holds import Claim
from worker.ledger.schema import attempts, buckets, jobs, transitions

THREADS = 8
ENOUGH = 120  # tokens taken by hammering
WAIT = 50.0  # seconds until which they are


def test_of_two_jobs_of_an_order_one_is_running(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for order in range(20):
        pair = [
            accept(ledgers[0], confirm(order, key=f"{order}/{number}")).job_id
            for number in range(2)
        ]
        tries = [
            functools.partial(claims.claim, ledgers[number % 2], pair[number % 4 // 2], "worker")
            for number in range(THREADS)
        ]
        got = [held for held in at_once(tries) if isinstance(held, Claim)]
        assert len(got) <= 1
        running = [row for row in rows(ledgers[0]) if row.state == "running"]
        assert [row.id for row in running] == [held.job.id for held in got]
        for held in got:
            settle(ledgers[0], held)
        with ledgers[0].database.write() as connection:  # each order finds a full bucket
            connection.execute(buckets.update().values(level=10.0))


def test_no_more_tokens_are_taken_than_there_are(open_ledger):
    ledgers = [open_ledger(Quotas(capacity=5.0, rate=0.001)) for _ in range(2)]
    ids = [accept(ledgers[0], confirm(order)).job_id for order in range(40)]

    def claim_all(number):
        mine = ids[:]
        random.Random(number).shuffle(mine)
        return [claims.claim(ledgers[number % 2], job_id, f"w{number}") for job_id in mine]

    tried = at_once([functools.partial(claim_all, number) for number in range(THREADS)])
    held = [each for of_thread in tried for each in of_thread if isinstance(each, Claim)]
    assert sorted(each.job.id for each in held) == ids[:5]  # by rank, and each once
    assert len(rows(ledgers[0], attempts)) == 5
    assert rows(ledgers[0], buckets)[0].level < 1.0


def test_the_first_claims_of_a_bucket_make_one_row_of_it(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    ids = [accept(ledgers[0], confirm(order)).job_id for order in range(THREADS)]
    at_once(
        [
            functools.partial(claims.claim, ledgers[number % 2], job_id, "worker")
            for number, job_id in enumerate(ids)
        ]
    )
    assert len(rows(ledgers[0], buckets)) == 1
    assert len(rows(ledgers[0], attempts)) == THREADS


def test_two_rounds_at_once_publish_each_job_once(open_ledger):
    ledgers = [open_ledger(Quotas(capacity=100.0)) for _ in range(4)]
    routing.prepare(ledgers[0])
    ids = [accept(ledgers[0], confirm(order), may_publish=False).job_id for order in range(40)]
    found = at_once(
        [
            functools.partial(rounds.dispatch, ledger, f"w{number}", 40, (), 1.0)
            for number, ledger in enumerate(ledgers)
        ]
    )
    published = [message.job.id for each in found for message in each.messages]
    assert sorted(published) == ids


def test_two_rounds_at_once_continue_a_job_once(open_ledger):
    ledgers = [open_ledger() for _ in range(4)]
    for order in range(30):
        job_id = accept(ledgers[0], confirm(order), options={"link": "x"}).job_id
        withdrawals.withdraw(ledgers[0], job_id, "operator", "no longer wanted")
    found = at_once(
        [
            functools.partial(rounds.dispatch, ledger, f"w{number}", 4, (), 1.0)
            for number, ledger in enumerate(ledgers)
        ]
    )
    published = Counter(message.job.id for each in found for message in each.messages)
    assert len(published) == 30
    assert set(published.values()) == {1}


def test_batches_with_the_same_keys_the_other_way_round_both_end(open_ledger):
    ledgers = [open_ledger() for _ in range(2)]
    for turn in range(5):
        requests = [confirm(turn * 1000 + order) for order in range(200)]

        def accept_all(number, of=requests, turn=turn):
            asked = of if number else of[::-1]
            return acceptance.accept_each(
                ledgers[number],
                [
                    (request, Terms(f"{turn}-{number}-{request.order_id}", "producer"))
                    for request in asked
                ],
            )

        one, other = at_once([functools.partial(accept_all, number) for number in range(2)])
        assert [each.job_id for each in one] == [each.job_id for each in reversed(other)]
        assert sum(each.created for each in [*one, *other]) == 200


class Hammer:
    """One thread that does whatever comes to its mind, and counts what it has done."""

    def __init__(self, ledger, number, seed):
        self.ledger = ledger
        self.name = f"w{number}"
        self.chance = random.Random(100 * seed + number)
        self.accepted = self.tokens = 0

    def run(self, is_enough):
        while not is_enough():
            self.accept()
            for job_id in self.some(in_states(self.ledger, "waiting", "in_doubt")):
                if self.chance.random() < 0.1:
                    withdrawals.withdraw(self.ledger, job_id, "operator", "not wanted")
                else:
                    self.work_on(claims.claim(self.ledger, job_id, self.name))
            for job_id in self.some(in_states(self.ledger, "failed")):
                retries.retry(self.ledger, job_id, actor=self.name)
            if self.chance.random() < 0.2:
                self.chance.choice(ROUNDS)(self.ledger)

    def some(self, ids):
        return self.chance.sample(ids, min(4, len(ids)))

    def accept(self):
        request = self.chance.choice([confirm, cancel])(self.chance.randrange(12))
        self.accepted += 1
        due_in = self.chance.choice([0, 0, 0.05])
        accept(
            self.ledger, request, job_id=f"{self.name}-{self.accepted}", again=True, due_in=due_in
        )

    def work_on(self, held):
        if not isinstance(held, Claim):
            return
        self.tokens += 1
        if self.chance.random() < 0.2:
            settlements.note(self.ledger, held, REFUSED, decision_on(self.ledger, held, REFUSED))
            if (more := claims.take(self.ledger, held)) is None:
                settle(self.ledger, held, REFUSED)
                return
            held = more
            self.tokens += 1
        if self.chance.random() < 0.05:
            return  # killed: its lease ends
        settle(self.ledger, held, self.chance.choice(self.answers(held)))

    def answers(self, held):
        good = looked_up(held) if held.job.step.is_lookup else APPLIED
        return [good, good, UNKNOWN, REFUSED, THROTTLED, DENIED]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_comes_together_nothing_deadlocks_and_nothing_is_lost(open_ledger, seed):
    """Claims, settles, withdrawals and rounds of four processes, on few orders and buckets."""
    policy = Policy(lease=1.0, call_timeout=0.5, credentials_retry=0.05, max_attempts=2)
    several = [
        open_ledger(Quotas(1000.0, 1000.0, reverse=bool(number % 2)), policy) for number in range(4)
    ]
    hammers = [Hammer(several[number % 4], number, seed) for number in range(THREADS)]
    give_up_at = time.monotonic() + WAIT

    def is_enough():
        tokens = sum(hammer.tokens for hammer in hammers)
        return tokens >= ENOUGH or time.monotonic() > give_up_at

    at_once([functools.partial(hammer.run, is_enough) for hammer in hammers])

    ledger = several[0]
    sent = rows(ledger, attempts)
    assert len(sent) == sum(hammer.tokens for hammer in hammers) >= ENOUGH
    assert {row.id: row.attempt_count for row in rows(ledger) if row.attempt_count} == Counter(
        row.job_id for row in sent
    )
    assert_histories_are_whole(ledger)


ROUNDS = [
    lambda ledger: recovery.recover(ledger, "dispatcher"),
    routing.wake_sleepers,
    routing.prepare,
    lambda ledger: rounds.dispatch(ledger, "w", 16, (), 1.0),
    lambda ledger: quotas.open_seller(ledger, "acme"),
]


def in_states(ledger, *states):
    with ledger.database.read() as connection:
        statement = jobs.select().where(jobs.c.state.in_(states))
        return [row.id for row in connection.execute(statement)]


def assert_histories_are_whole(ledger):
    """Each job's state is that of its last row, and each row goes on from the one before."""
    last = {}
    for row in rows(ledger, transitions):
        if row.subject == "job":
            assert row.old == last.get(row.job_id), row
            last[row.job_id] = row.new
    assert last == {row.id: row.state for row in rows(ledger)}

"""Two processes that notice a change of the configuration at different moments."""

from dataclasses import dataclass, replace

import pytest

from tests.conformance.steps import DENIED, Quotas, accept, confirm, hold, rows, settle
from worker.ledger import quotas
from worker.ledger.schema import buckets

CONFIRMS = "acme|ConfirmOrderReference"


@dataclass(frozen=True)
class Read(Quotas):
    """The routes of a configuration that was read at a time."""

    read_at: float = 0.0

    def _spec(self, seller, name):
        return replace(super()._spec(seller, name), read_at=self.read_at)


def bucket(ledger):
    (row,) = (row for row in rows(ledger, buckets) if row.key == CONFIRMS)
    return row


def call(ledger, number):
    """One call, and its answer."""
    settle(ledger, hold(ledger, accept(ledger, confirm(number)).job_id))


def test_a_level_is_settled_once_however_the_processes_take_turns(open_ledger):
    slow = open_ledger(Read(capacity=10.0, rate=0.001, read_at=1.0))
    call(slow, 1)
    quick = open_ledger(Read(capacity=6.0, rate=0.002, read_at=2.0))
    for number in range(2, 6):
        call(slow if number % 2 else quick, number)
    found = bucket(slow)
    assert (found.capacity, found.rate, found.read_at) == (6.0, 0.002, 2.0)
    # Nine were left of ten; four of these went with the capacity, and four calls were made.
    assert found.level == pytest.approx(9.0 - 4.0 - 4.0, abs=0.1)


def test_a_call_under_way_does_not_bring_the_old_numbers_back(open_ledger):
    old = open_ledger(Read(capacity=10.0, rate=0.001, read_at=1.0))
    held = hold(old, accept(old, confirm(1)).job_id)
    new = open_ledger(Read(capacity=20.0, rate=0.001, read_at=2.0))
    call(new, 2)
    settle(old, held)
    assert (bucket(old).capacity, bucket(old).level) == (20.0, pytest.approx(8.0, abs=0.1))


def test_a_key_that_was_refused_before_it_was_changed_closes_nothing(open_ledger):
    old = open_ledger(Read(read_at=1.0))
    early, late = (hold(old, accept(old, confirm(n)).job_id) for n in (1, 2))
    new = open_ledger(Read(read_at=2.0))
    settle(new, early, DENIED)  # in a process that has read the new key meanwhile
    assert {row.closed_for for row in rows(new, buckets)} == {None}
    settle(old, late, DENIED)  # in one that has not: it does not know better
    assert bucket(old).closed_for == "credentials"
    quotas.half_open(new)
    assert bucket(new).open_at == 0.0

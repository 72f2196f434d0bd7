"""Who sees each request leave, arrive and be answered, and says what must not have happened.

An order may be authorized between the moment when the provider reads a check and the one when
the cancel arrives there: nobody who asks first and acts later can exclude that, and the provider
itself refuses only the cancel of what was captured. What is held here is what can be:

* a sweep's cancel follows a check of its own: the last request of the same claim, answered;
* when the provider read that check, the order had no authorization and was in a state that the
  sweep may cancel;
* when the cancel leaves, the answer has just come, nobody keeps the order, and no other job of it
  is open.

So whatever was authorized before the check was read is never cancelled by a sweep, and whoever
authorizes later has no more than the check's way back and the cancel's way there for it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from worker.domain.jobs import Job, Policy, Step
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing

WAY = 0.2  # seconds that an answer may take from the provider to the worker
OPEN_JOBS = (
    "SELECT id FROM order_worker_jobs WHERE order_id = ? AND id != ? AND state IN"
    " ('waiting', 'running', 'in_doubt')"
)
WAITING_CHECKS = (
    "SELECT id FROM order_worker_jobs WHERE order_id = ? AND id != ? AND state = 'waiting'"
    " AND step = 'lookup:check'"
)
LAST_CLAIM = "SELECT why FROM order_worker_transitions WHERE job_id = ? ORDER BY id DESC LIMIT 1"


@dataclass
class Check:
    """What the provider read when a sweep's cancel was checked."""

    at: float
    number: int  # of the job's requests
    order: OrderView
    answered: bool = False


@dataclass
class Doubt:
    """A write of an order without a clear answer, and when lookups since said "not yet"."""

    job_id: str
    number: int  # of the job's requests
    not_yet: list[tuple[float, float]] = field(default_factory=list)  # sent, answered


@dataclass
class Witness:
    provider: Any = None
    ledger: Any = None  # the raw connection
    wrongs: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    kept: set[str] = field(default_factory=set)  # orders, by the words of those who keep them
    checks: dict[str, Check] = field(default_factory=dict)  # by job
    doubts: dict[str, Doubt] = field(default_factory=dict)  # by order
    sent_at: dict[str, float] = field(default_factory=dict)  # by job

    def departs(self, job: Job) -> None:
        self.sent_at[job.id] = self.provider.world.now
        if job.step is not Step.APPLY:
            return
        doubt = self.doubts.get(job.order_id)
        self.holds(doubt is None or is_resolved(doubt), f"{job.id} was sent blindly")
        self.doubts[job.order_id] = Doubt(job.id, job.attempt_count)
        if job.request.stale_states:
            self._sweep_cancels(job)
        waiting = self.ledger.execute(WAITING_CHECKS, (job.order_id, job.id)).fetchall()
        self.holds(not waiting, f"{job.id} is sent, and the sweep's {waiting} still waits")

    def _sweep_cancels(self, job: Job) -> None:
        check, order_id = self.checks.pop(job.id, None), job.order_id
        if check is None or not check.answered or check.number + 1 != job.attempt_count:
            self.wrongs.append(f"{job.id} was sent without a check of its own")
            return
        order, now = check.order, self.provider.world.now
        claimed_for = self.ledger.execute(LAST_CLAIM, (job.id,)).fetchone()[0]
        self.holds(claimed_for == Step.CHECK, f"{job.id} was checked in another claim")
        self.holds(not order.authorizations, f"{job.id} cancels what was read as authorized")
        self.holds(order.state == "Open", f"{job.id} cancels what was read as {order.state}")
        self.holds(now - check.at <= WAY, f"{job.id} relies on a check of {now - check.at} s ago")
        self.holds(order_id not in self.kept, f"{job.id} cancels a kept order")
        others = self.ledger.execute(OPEN_JOBS, (order_id, job.id)).fetchall()
        self.holds(not others, f"{job.id} cancels over the open {others}")
        self.seen["a sweep's cancel was sent"] += 1

    def read(self, job: Job, order: OrderView) -> None:
        """The provider has read a lookup, this very moment."""
        if job.step is Step.CHECK:
            self.checks[job.id] = Check(self.provider.world.now, job.attempt_count, order)
            self.seen["a check found an authorization"] += bool(order.authorizations)

    def changed(self, job: Job) -> None:
        """A write has changed its order, this very moment."""
        self.holds(self.provider.changed_by[job.id] == 1, f"{job.id} was applied twice")
        if job.request.stale_states:
            self.seen["a sweep cancelled an order"] += 1
            since = self.provider.authorized.get(job.order_id)
            self.seen["authorized between check and cancel"] += since is not None

    def answered(self, job: Job, answer: Answer) -> None:
        refused = job.step is Step.APPLY and answer.outcome is Outcome.STATE_REFUSED
        self.seen["a sweep's cancel was refused"] += refused and bool(job.request.stale_states)
        self.seen["a write got no answer"] += not answer.answered and job.step is Step.APPLY
        doubt, check = self.doubts.get(job.order_id), self.checks.get(job.id)
        of_it = doubt and (doubt.job_id, doubt.number) == (job.id, job.attempt_count)
        if of_it and answer.outcome is not Outcome.UNKNOWN:
            del self.doubts[job.order_id]
        if answer.outcome is Outcome.APPLIED and check and check.number == job.attempt_count:
            check.answered = True
        if job.step is not Step.DOUBT or answer.order is None or job.order_id not in self.doubts:
            return
        if answer.order.standing is Standing.NOT_YET:
            times = (self.sent_at[job.id], self.provider.world.now)
            self.doubts[job.order_id].not_yet.append(times)
        else:
            del self.doubts[job.order_id]
            self.seen["a doubt was resolved"] += 1

    def holds(self, condition: bool, sentence: str) -> None:
        """Note what does not hold: raised here, it would be an answer that got lost."""
        if not condition:
            self.wrongs.append(f"{sentence} (at {self.provider.world.now})")


def is_resolved(doubt: Doubt) -> bool:
    """Two lookups, far enough apart, have said that the write was not applied."""
    if len(doubt.not_yet) < 2:
        return False
    (_, first_answered), (last_sent, _) = doubt.not_yet[0], doubt.not_yet[-1]
    return last_sent - first_answered >= Policy().doubt_wait - 1e-6

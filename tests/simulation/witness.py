"""Who sees each request leave, arrive and be answered, and says what must not have happened.

A write leaves only with all that it needs: the lease for long enough, a token, its effect written
as possible, no doubt of its order that two lookups have not ended. What a job comes to is compared
with what the provider knows, at the commit that says it.

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

Once the ledger's clock has been set, what is counted in its seconds is no longer held: how far two
lookups are apart, and how soon the first one is made.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.model import CALL_TIMEOUT
from tests.simulation.truths import is_true_at_the_provider
from tests.simulation.watch import FINAL, JobRow, Watch
from worker.domain.jobs import Job, Policy, Step
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing

# Seconds that an answer may take from the provider to the worker, who may stand still for as long
# as its lease outlasts a call.
WAY = 0.2 + Policy().lease - CALL_TIMEOUT


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
    sent_at: float
    is_answered: bool = False
    not_yet: list[tuple[float, float]] = field(default_factory=list)  # sent, answered


class Witness:
    def __init__(self, provider: Any, seen: Counter[str]) -> None:
        self.provider = provider
        self.world = provider.world
        self.watch = Watch(self.world, self.job_changed)
        self.seen = seen
        self.clock_was_set = False
        self.kept: set[str] = set()  # orders, by the words of those who keep them
        self.checks: dict[str, Check] = {}  # by job
        self.doubts: dict[str, Doubt] = {}  # by order
        self.sent_at: dict[tuple[str, int], float] = {}  # by job and number

    def departs(self, job: Job) -> None:
        now, request = self.world.now, (job.id, job.attempt_count)
        self.sent_at[request] = now
        row = self.watch.jobs[job.id]
        held = row.state == "running" and self.watch.holders.get(job.id) is self.world.thread
        self.holds(held, f"{job.id} is sent by whoever does not hold it")
        lasts = row.lease_until is not None and (
            row.lease_until - self.world.ledger_time() >= CALL_TIMEOUT - 1e-6
        )
        self.holds(lasts or self.clock_was_set, f"{job.id} is sent, and its lease may end before")
        bucket = self.provider.bucket(job.request, job.step).key
        has_token = (*request, bucket) in self.watch.in_flight.values()
        self.holds(has_token, f"{job.id} is sent without a token of {bucket}")
        doubt = self.doubts.get(job.order_id)
        if job.step is Step.DOUBT and doubt and doubt.job_id == job.id and not doubt.is_answered:
            soon = now - doubt.sent_at < CALL_TIMEOUT - 1e-6
            self.holds(not soon or self.clock_was_set, f"{job.id} is looked up too soon")
        if job.step is not Step.APPLY:
            return
        self.holds(row.effect == "possible", f"{job.id} is sent with effect {row.effect}")
        self.holds(doubt is None or self.is_resolved(doubt), f"{job.id} was sent blindly")
        self.doubts[job.order_id] = Doubt(*request, now)
        if job.request.stale_states:
            self._sweep_cancels(job)
        waiting = [each.id for each in self._others(job) if is_waiting_check(each)]
        self.holds(not waiting, f"{job.id} is sent, and the sweep's {waiting} still waits")

    def _others(self, job: Job) -> list[JobRow]:
        """The other open jobs of a job's order."""
        rows = self.watch.jobs.values()
        of_order = [row for row in rows if row.order_id == job.order_id and row.id != job.id]
        return [row for row in of_order if row.state not in FINAL]

    def _sweep_cancels(self, job: Job) -> None:
        check, order_id = self.checks.pop(job.id, None), job.order_id
        if check is None or not check.answered or check.number + 1 != job.attempt_count:
            self.holds(False, f"{job.id} was sent without a check of its own")
            return
        order, now = check.order, self.world.now
        self.holds(not order.authorizations, f"{job.id} cancels what was read as authorized")
        self.holds(order.state == "Open", f"{job.id} cancels what was read as {order.state}")
        late = now - check.at > WAY
        self.holds(not late, f"{job.id} relies on a check of {now - check.at:.1f} s ago")
        self.holds(order_id not in self.kept, f"{job.id} cancels a kept order")
        others = [each.id for each in self._others(job)]
        self.holds(not others, f"{job.id} cancels over the open {others}")
        self.seen["a sweep's cancel was sent"] += 1

    def arrived(self, job: Job) -> None:
        """A request has arrived at the provider, this very moment."""
        exceeded = self.provider.calls[-1].throttled
        self.holds(
            not exceeded, f"{job.id} exceeds the quota of {self.provider.calls[-1].operation}"
        )

    def read(self, job: Job, order: OrderView) -> None:
        """The provider has read a lookup, this very moment."""
        if job.step is Step.CHECK:
            self.checks[job.id] = Check(self.world.now, job.attempt_count, order)
            self.seen["a check found an authorization"] += bool(order.authorizations)

    def carried_out(self, job: Job) -> None:
        """The provider has carried a write out, this very moment."""
        self.holds(self.provider.accepted[job.id] == 1, f"{job.id} was applied twice")
        effect = self.watch.jobs[job.id].effect
        self.holds(effect != "none", f"{job.id} takes effect, and the ledger says that it cannot")
        if job.request.stale_states:
            self.seen["a sweep cancelled an order"] += 1
            since = self.provider.authorized.get(job.order_id)
            self.seen["authorized between check and cancel"] += since is not None

    def answered(self, job: Job, answer: Answer) -> None:
        refused = job.step is Step.APPLY and answer.outcome is Outcome.STATE_REFUSED
        self.seen["a sweep's cancel was refused"] += refused and bool(job.request.stale_states)
        self.seen["a write got no answer"] += not answer.answered and job.step is Step.APPLY
        self.seen[f"answered: {answer.outcome}"] += 1
        doubt, check = self.doubts.get(job.order_id), self.checks.get(job.id)
        if doubt and (doubt.job_id, doubt.number) == (job.id, job.attempt_count):
            doubt.is_answered = answer.answered
            if answer.outcome is not Outcome.UNKNOWN:
                del self.doubts[job.order_id]
        if answer.outcome is Outcome.APPLIED and check and check.number == job.attempt_count:
            check.answered = True
        if job.step is not Step.DOUBT or answer.order is None or job.order_id not in self.doubts:
            return
        if answer.order.standing is Standing.NOT_YET:
            times = (self.sent_at[job.id, job.attempt_count], self.world.now)
            self.doubts[job.order_id].not_yet.append(times)
        else:
            del self.doubts[job.order_id]
            self.seen["a doubt was resolved"] += 1

    def job_changed(self, old: JobRow | None, new: JobRow) -> None:
        """The ledger says something else of a job, as of this commit."""
        was = old.state if old else "nothing"
        self.seen[f"{was} to {new.state}"] += was != new.state
        doubt = self.doubts.get(new.order_id)
        if old and new.effect == "none" and old.effect == "possible" and doubt:
            of_it = doubt.job_id == new.id and not self.is_resolved(doubt)
            self.holds(not of_it, f"{new.id} lets go of its doubt, unresolved")
        if new.state not in FINAL or (old and old.state == new.state):
            return
        if doubt and doubt.job_id == new.id and not self.is_resolved(doubt):
            told = new.state == "failed" and "outcome_unknown" in (new.error or "")
            self.holds(told, f"{new.id} is {new.state}, and nobody knows")
        self.world.wrongs += is_true_at_the_provider(self.provider, new)

    def is_resolved(self, doubt: Doubt) -> bool:
        """Two lookups, far enough apart, have said that the write was not applied."""
        if len(doubt.not_yet) < 2:
            return False
        (_, first_answered), (last_sent, _) = doubt.not_yet[0], doubt.not_yet[-1]
        return self.clock_was_set or last_sent - first_answered >= Policy().doubt_wait - 1e-6

    def holds(self, condition: bool, sentence: str) -> None:
        self.watch.holds(condition, sentence)


def is_waiting_check(row: JobRow) -> bool:
    return (row.state, row.step) == ("waiting", Step.CHECK)

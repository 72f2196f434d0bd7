"""What must be so after every commit: told by the rows that it wrote, and by nothing else.

The watch keeps a copy of what matters of the ledger, and looks at each change of it: who made it,
and whether it may follow from what was before. So each history is checked at every step at the
cost of the rows that the step has touched.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.simulation.tokens import Tokens
from tests.simulation.world import Thread, World
from worker.domain.jobs import LONGEST_LEASE, RANK, Policy, Step
from worker.domain.states import TRANSITIONS
from worker.ledger.jumps import WAVERING

LEASE = Policy().lease
FINAL = {"succeeded", "rejected", "failed", "withdrawn"}
HOLD_NO_KEY = {"rejected", "failed", "withdrawn"}


class JobRow(NamedTuple):
    id: str
    seq: int
    seller: str
    order_id: str
    task: str
    key: str
    state: str
    effect: str
    step: str
    waiting_for: str | None
    ready: int
    bucket: str | None
    lease_token: int
    lease_until: float | None
    attempt_count: int
    error: str | None
    rank: int
    priority: int
    due_at: float
    deadline: float

    def is_anybodys_from(self) -> float:
        """When a dispatcher has to take the job on."""
        if self.state == "running":
            return self.lease_until or 0.0
        if self.state in FINAL:
            return math.inf
        asleep = not self.ready and self.bucket is not None
        return min(self.deadline, self.due_at) if asleep else self.deadline

    @property
    def holds_order(self) -> bool:
        """Whether no other job of its order may begin, but for those that it lets go first."""
        return self.effect != "applied" and self.waiting_for != "buyer" and self.state not in FINAL


class Watch:
    """`job_changed(old, new)` is told of each job's commit, to judge by what the provider knows."""

    def __init__(self, world: World, job_changed: Callable[[JobRow | None, JobRow], None]) -> None:
        self.world = world
        self.tokens = Tokens(world)
        self.jobs: dict[str, JobRow] = {}
        self.in_flight: dict[int, tuple[str, int, str]] = {}  # attempt: job, number, bucket
        self.holders: dict[str, Thread | None] = {}  # who made the claim that a job is held by
        self._job_changed = job_changed
        self._last: dict[str, str] = {}  # job: the state of its last transition
        self._of_order: dict[str, set[str]] = {}  # the jobs of an order
        self._free_since: dict[str, float] = {}
        self._written: list[tuple[Any, ...]] = []

    def wrote(self, *row: Any) -> None:
        self._written.append(row)

    def rolled_back(self) -> None:
        self._written.clear()

    def committed(self) -> None:
        written, self._written = self._written, []
        after: dict[str, JobRow] = {}
        for verb, table, *row in written:
            if table == "jobs":
                after[row[0]] = JobRow(*row)
                self.holds(verb != "DELETE", f"{row[0]} was deleted")
            elif table == "transitions":
                self._went(verb, *row)
            elif table == "attempts":
                self._attempted(verb, *row)
            else:
                self.tokens.written(verb, *row)
        changed = [(self.jobs.get(name), new) for name, new in after.items()]
        self.jobs |= after
        for old, new in changed:
            if old != new:
                self._changed(old, new)
        self.world.wrongs += self.tokens.compare()

    def holds(self, condition: bool, sentence: str) -> None:
        """Note what does not hold: raised here, it would be an error of the ledger."""
        if not condition:
            thread = self.world.thread
            who = thread.worker.name if thread else "somebody"
            self.world.wrongs.append(f"{sentence} (by {who}, at {self.world.now:.3f})")

    def ready_in(self, bucket: str) -> bool:
        return any(job.ready and job.bucket == bucket for job in self.jobs.values())

    def overlooked(self, now: float) -> dict[str, float]:
        """The jobs that wait for their order though nobody holds it up, and since when they do."""
        free = [
            job.id
            for job in self.jobs.values()
            if job.waiting_for == "order" and not job.ready and self._is_free_for(job)
        ]
        self._free_since = {job_id: self._free_since.get(job_id, now) for job_id in free}
        return self._free_since

    def overdue(self, by: float) -> list[str]:
        """The jobs that a dispatcher should have seen to before this moment of the ledger's clock:
        a lease that has ended, a time that has come or has run out.
        """
        return [job.id for job in self.jobs.values() if job.is_anybodys_from() < by]

    def _is_free_for(self, job: JobRow) -> bool:
        others = (self.jobs[name] for name in self._of_order[job.order_id] if name != job.id)
        return not any(other.holds_order and _holds_up(other, job) for other in others)

    def _went(self, verb: str, job_id: str | None, subject: str, old: Any, new: str) -> None:
        self.holds(verb == "INSERT", f"a transition of {job_id} was changed: {verb}")
        if subject == "job" and job_id:
            before = self._last.get(job_id)
            self.holds(before == old, f"{job_id} went from {old} to {new}, and was {before}")
            self.holds(new in TRANSITIONS[old], f"{job_id} went from {old} to {new}")
            self._last[job_id] = new

    def _attempted(
        self, verb: str, number: int, job_id: str, of_job: int, bucket: str, at: float, end: Any
    ) -> None:
        was_in_flight = number in self.in_flight
        if verb != "DELETE" and end is None:
            self.in_flight[number] = (job_id, of_job, bucket)
        else:
            self.in_flight.pop(number, None)
        if verb == "INSERT":
            self.tokens.taken(bucket, at)
        elif was_in_flight and verb == "DELETE":
            self.tokens.given_back(bucket)
        elif was_in_flight and end is not None:
            self.tokens.ended(bucket, end)

    def _changed(self, old: JobRow | None, new: JobRow) -> None:
        name, last = new.id, self._last.get(new.id)
        self.holds(new.state == last, f"{name} is {new.state}, and its last transition {last}")
        if new.state == "in_doubt":
            self.holds(new.effect == "possible", f"{name} is in doubt of nothing")
        if old is None:
            self._of_order.setdefault(new.order_id, set()).add(name)
        if old is None or (old.state in HOLD_NO_KEY and new.state not in HOLD_NO_KEY):
            self._has_its_key_alone(new)
        if old and old.state == "running":
            self._may_be_let_go(old, new)
        if new.state == "running" and (old is None or old.lease_token != new.lease_token):
            self._is_claimed(old, new)
        self._job_changed(old, new)

    def _has_its_key_alone(self, new: JobRow) -> None:
        same = [
            other.id
            for other in self.jobs.values()
            if (other.seller, other.key) == (new.seller, new.key)
            and other.state not in HOLD_NO_KEY
            and other.id != new.id
        ]
        self.holds(not same, f"{new.id} has the key of {same}")

    def _may_be_let_go(self, old: JobRow, new: JobRow) -> None:
        """A held job is written by its holder, or by a dispatcher once the lease is over, or so
        long that no worker has made it: the clock was set back.
        """
        thread = self.world.thread
        if thread is not None and self.holders.get(new.id) is thread:
            return
        left = (old.lease_until or 0.0) - self.world.ledger_time()
        over = left <= 0.0 or left > LONGEST_LEASE
        is_dispatchers = thread is not None and thread.dispatches
        is_kept = (new.state, new.lease_token) == (old.state, old.lease_token)
        if is_dispatchers and is_kept and left > LEASE + WAVERING:
            return  # the end of its lease was taken along with the clock: it is held as before
        self.holds(over and is_dispatchers, f"{new.id} was written by another than its holder")
        self.holders.pop(new.id, None)
        reserved = [at for at, number, _ in self.in_flight.values() if at == new.id and not number]
        self.holds(not reserved, f"{new.id} has lost its holder, and keeps a token for its write")

    def _is_claimed(self, old: JobRow | None, new: JobRow) -> None:
        name, thread = new.id, self.world.thread
        self.holds(old is not None and new.lease_token == old.lease_token + 1, f"{name}: its token")
        if old is None:
            return
        self.holders[name] = thread
        sent = (name, new.attempt_count)
        on_its_way = any(sent == (job, number) for job, number, _ in self.in_flight.values())
        self.holds(on_its_way, f"{name} is claimed without a token of its bucket")
        if old.state != "running":
            self._has_its_turn(new)
        if new.step == "apply":
            self.holds(new.effect == "possible", f"{name} is to be sent with effect {new.effect}")
        if old.state == "running" or old.effect == "applied":
            return
        for other in map(self.jobs.__getitem__, sorted(self._of_order[new.order_id])):
            if other.id != name and other.holds_order:
                self.holds(not _holds_up(other, old), f"{name} is claimed over {other.id}")

    def _has_its_turn(self, new: JobRow) -> None:
        """A token is for a job that fewer ready ones rank before than there are tokens."""
        place = (RANK[Step(new.step)], new.priority, new.seq)
        before = [
            job.id
            for job in self.jobs.values()
            if job.ready and job.bucket == new.bucket and place > (job.rank, job.priority, job.seq)
        ]
        left = self.tokens.buckets[str(new.bucket)].level  # when it has taken its own
        self.holds(len(before) <= left + 1e-6, f"{new.id} takes a token before {before}")


def _holds_up(other: JobRow, job: JobRow) -> bool:
    """Whether another open job of the order goes before one that waits or is in doubt."""
    if other.state == "waiting":
        return other.seq < job.seq and job.state == "waiting"
    if other.state == "in_doubt" and job.state == "in_doubt":
        return other.seq < job.seq
    return True

"""Claiming a job: order, rank, token and lease in one transaction, committed before the call.

The order is locked by a statement of its own; the next ones then see what the lock waited for.
A claim of a write sets the job's effect to possible: from here on only an answer tells.

Rows of jobs are locked FOR NO KEY UPDATE: a producer's row that only refers to a job (an alias,
in a shop's long transaction) holds up nobody who writes the job.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from worker.domain.bucket import Bucket
from worker.domain.jobs import FINAL, RANK, Effect, Job, State, Step, Task, WaitingFor
from worker.ledger import history, rows, turns
from worker.ledger.ledger import Ledger
from worker.ledger.schema import PARKED, RUNNING, jobs, orders

JOB = select(jobs).where(jobs.c.id == bindparam("job_id"))
LOCKED_JOB = JOB.with_for_update(key_share=True)
ORDER = select(orders).where(
    orders.c.seller == bindparam("seller"), orders.c.order_id == bindparam("order_id")
)
OTHERS = (
    select(jobs)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .where(jobs.c.id != bindparam("job_id"))
    .where(text(f"({PARKED} OR {RUNNING})"))
    .order_by(jobs.c.seq)
    .with_for_update(key_share=True)
)
WRITE = update(jobs).where(jobs.c.id == bindparam("job_id"))

OVERTAKES = (Task.CANCEL, Task.CONFIRM)
WAKE_UP = 30.0  # seconds until a job looks again whether its order is free or its seller known


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job for one request. `token` fences whoever held it before."""

    job: Job  # `effect`: what earlier requests left; `sends` counts the coming one
    token: int
    turn: turns.Turn
    worker: str
    lease_until: float

    @property
    def bucket(self) -> Bucket:
        return self.turn.bucket


@dataclass(frozen=True, slots=True)
class NotNow:
    """The job is not claimed: it is final, somebody else's, or it waits.

    `again` says that the job has become ready for another step and may be claimed at once.
    """

    job: Job | None
    again: bool = False


def claim(ledger: Ledger, job_id: str, worker: str) -> Claim | NotNow:
    """Claim a job for its next request, or leave it where it waits."""
    with ledger.database.write() as connection:
        row = connection.execute(JOB, {"job_id": job_id}).one_or_none()
        if row is None:
            return NotNow(None)
        if State(row.state) in FINAL:
            return NotNow(rows.job(row))
        doubted = _lock_order(ledger, connection, row.seller, row.order_id)
        row = connection.execute(LOCKED_JOB, {"job_id": job_id}).one()
        job = rows.job(row)
        now = ledger.database.now(connection)
        if job.state not in {State.WAITING, State.IN_DOUBT}:
            return NotNow(job)
        if job.due_at > now or job.deadline <= now:
            return NotNow(job)  # an early message; or the dispatcher's to conclude
        if job.effect is not Effect.APPLIED and not _order_is_free(connection, job, now, worker):
            return _park(connection, job, WaitingFor.ORDER, now, worker)
        # A worker that did not know the seller may have parked the job without a lookup.
        doubted = doubted or job.effect is Effect.POSSIBLE
        if doubted and job.step is Step.APPLY and ledger.routes.can_look_up(job.request):
            return _look_up_first(ledger, connection, job, now, worker)
        spec = ledger.routes.bucket(job.request, job.step)
        if spec is None:
            return _park(connection, job, WaitingFor.CREDENTIALS, now, worker)
        turn = turns.take(ledger, connection, job, spec, worker)
        if not isinstance(turn, turns.Turn):
            values = {"ready": True, "bucket": spec.key, "publish_at": 0.0, "publish_count": 0}
            connection.execute(WRITE, {"job_id": job.id, **values})
            return NotNow(job)
        return _hold(ledger, connection, row, job, turn, worker)


def take(ledger: Ledger, held: Claim) -> Claim | None:
    """A further request of the run: its own token, at the same rank, and the lease anew.

    None if there is no token for it now, or the lease has been taken away.
    """
    with ledger.database.write() as connection:
        _lock_order(ledger, connection, held.job.seller, held.job.order_id)
        row = connection.execute(LOCKED_JOB, {"job_id": held.job.id}).one()
        if row.state != State.RUNNING or row.lease_token != held.token:
            return None
        job = rows.job(row)
        spec = ledger.routes.bucket(job.request, job.step)
        if spec is None:
            return None
        turn = turns.take(ledger, connection, job, spec, held.worker)
        if not isinstance(turn, turns.Turn):
            return None
        return _renew(ledger, connection, row, job, turn, held.worker)


def _hold(
    ledger: Ledger, connection: Connection, row: Any, job: Job, turn: turns.Turn, worker: str
) -> Claim:
    history.job_went(
        connection, job.id, job.state, State.RUNNING, at=turn.at, actor=worker, why=str(job.step)
    )
    return _renew(ledger, connection, row, job, turn, worker)


def _renew(
    ledger: Ledger, connection: Connection, row: Any, job: Job, turn: turns.Turn, worker: str
) -> Claim:
    """Write the hold on the job's row: a new token, the lease, and what the request may do."""
    writes = job.step is Step.APPLY
    held = replace(
        job,
        state=State.RUNNING,
        attempt_count=job.attempt_count + 1,
        sends=job.sends + 1 if writes else job.sends,
        sent_at=turn.at if writes else job.sent_at,
    )
    token = row.lease_token + 1
    lease_until = turn.at + ledger.policy.lease
    connection.execute(
        WRITE,
        {
            "job_id": job.id,
            "state": State.RUNNING,
            "waiting_for": None,
            "effect": Effect.POSSIBLE if writes else job.effect,
            "bucket": turn.bucket.key,
            "ready": False,
            "publish_at": 0.0,
            "publish_count": 0,
            "attempt_count": held.attempt_count,
            "sends": held.sends,
            "sent_at": held.sent_at,
            "lease_token": token,
            "lease_until": lease_until,
            "worker": worker,
        },
    )
    return Claim(held, token, turn, worker, lease_until)


def _lock_order(ledger: Ledger, connection: Connection, seller: str, order_id: str) -> bool:
    """Lock the order's row, made if it is new; whether an earlier job left its state in doubt."""
    of = {"seller": seller, "order_id": order_id}
    row = connection.execute(ORDER.with_for_update(), of).one_or_none()
    if row is None:
        new = ledger.database.insert(orders).on_conflict_do_nothing()
        connection.execute(new, {**of, "in_doubt": False})
        row = connection.execute(ORDER.with_for_update(), of).one()
    return bool(row.in_doubt)


def _order_is_free(connection: Connection, job: Job, now: float, worker: str) -> bool:
    """Whether no other job of the order is in the way of this one.

    One whose effect is applied only waits for details, and one may wait for the buyer. A
    cancel takes back what earlier confirms have not begun.
    """
    free = True
    of = {"seller": job.seller, "order_id": job.order_id, "job_id": job.id}
    for other in map(rows.job, connection.execute(OTHERS, of)):
        overtaken = (job.task, other.task) == OVERTAKES and other.seq < job.seq
        if overtaken and _is_untouched(other):
            withdraw_row(connection, other, now, worker, f"the order is cancelled by job {job.id}")
        elif _holds_up(other, job):
            free = False
    return free


def _holds_up(other: Job, job: Job) -> bool:
    if other.effect is Effect.APPLIED or other.waiting_for is WaitingFor.BUYER:
        return False
    if other.state is State.WAITING:
        return other.seq < job.seq and job.state is State.WAITING
    if other.state is State.IN_DOUBT and job.state is State.IN_DOUBT:
        return other.seq < job.seq
    return True


def _is_untouched(job: Job) -> bool:
    return job.state is State.WAITING and job.effect is Effect.NONE


def withdraw_row(connection: Connection, job: Job, now: float, actor: str, why: str) -> None:
    """Take back a locked job that waits and has had no effect."""
    history.job_went(connection, job.id, job.state, State.WITHDRAWN, at=now, actor=actor, why=why)
    connection.execute(
        WRITE,
        {
            "job_id": job.id,
            "state": State.WITHDRAWN,
            "waiting_for": None,
            "ready": False,
            "holds_key": False,
            "finished_at": now,
            "publish_at": now,
            "error": {"kind": "withdrawn", "message": why},
        },
    )


def _park(
    connection: Connection, job: Job, waiting_for: WaitingFor, now: float, worker: str
) -> NotNow:
    """Put a job aside that cannot run; it is woken, and looks again by itself."""
    if job.waiting_for is not waiting_for and job.state is State.WAITING:
        history.job_went(
            connection,
            job.id,
            job.state,
            State.WAITING,
            at=now,
            actor=worker,
            waiting_for=waiting_for,
        )
    values = {"ready": False, "waiting_for": waiting_for, "due_at": now + WAKE_UP}
    connection.execute(WRITE, {"job_id": job.id, **values})
    return NotNow(job)


def _look_up_first(
    ledger: Ledger, connection: Connection, job: Job, now: float, worker: str
) -> NotNow:
    """A request's outcome is unknown, an earlier job's or our own: read before it is changed."""
    if job.state is State.WAITING:
        history.job_went(
            connection,
            job.id,
            job.state,
            State.WAITING,
            at=now,
            actor=worker,
            waiting_for=WaitingFor.LOOKUP,
            why="an earlier outcome is unknown",
        )
    spec = ledger.routes.bucket(job.request, Step.DOUBT)
    connection.execute(
        WRITE,
        {
            "job_id": job.id,
            "step": Step.DOUBT,
            "rank": RANK[Step.DOUBT],
            "waiting_for": WaitingFor.LOOKUP,
            "bucket": spec.key if spec else None,
            "ready": spec is not None,
        },
    )
    return NotNow(job, again=True)

"""Claiming a job: order, rank, token and lease in one transaction, committed before the call.

The order is locked by a statement of its own; the next ones then see what the lock waited for.
On PostgreSQL all that most claims read travels together, then all that they write: two round trips.
A claim of a write sets the job's effect to possible: from here on only an answer tells.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import (
    BEFORE_WRITE,
    RANK,
    Effect,
    Job,
    State,
    Step,
    WaitingFor,
)
from worker.ledger import history, holds, rows, turns
from worker.ledger.by_job import by_job, takes_one
from worker.ledger.database import NOW
from worker.ledger.holds import Claim
from worker.ledger.ledger import Ledger
from worker.ledger.locking import (
    LOCKED_JOB,
    LOCKED_ORDER,
    OTHERS,
    WRITE,
    lock_order,
    lock_order_of_job,
    of_job,
)
from worker.ledger.parking import WAKE_UP, NotNow, look_up_first, park, spare, stay_ready
from worker.ledger.precedence import is_withdrawable, order_is_free, why_spared
from worker.ledger.repeating import once_more

LOOKUP_TOKEN = 1.0  # seconds, at least, until a check looks again for the token of its lookup


@once_more
def claim(ledger: Ledger, job_id: str, worker: str) -> Claim | NotNow:
    """Claim a job for its next request, or leave it where it waits.

    Raises HoldUnknown, as `take` does: nothing may be sent on the strength of it alone.
    """
    return holds.written(ledger, lambda connection: _claim(ledger, connection, job_id, worker))


def _claim(ledger: Ledger, connection: Connection, job_id: str, worker: str) -> Claim | NotNow:
    _foresee(ledger, connection, job_id)
    order = lock_order_of_job(ledger, connection, job_id)
    row = connection.execute(LOCKED_JOB, {"job_id": job_id}).one_or_none()
    if row is None:
        return NotNow(None)
    job = rows.job(row)
    if order is None or job.state not in {State.WAITING, State.IN_DOUBT}:
        return NotNow(job)
    _foreseen(ledger, connection, row)
    now = ledger.database.now(connection)
    if job.due_at > now or job.deadline <= now:
        return NotNow(job)  # an early message; or the dispatcher's to conclude
    is_sweeps = job.step is Step.CHECK and is_withdrawable(job)
    if is_sweeps and (why := why_spared(connection, job, order)):
        return spare(ledger, connection, job, now, worker, why)
    if job.effect is not Effect.APPLIED and not order_is_free(connection, job, now, worker):
        return park(ledger, connection, job, WaitingFor.ORDER, now, worker)
    # A worker that did not know the seller may have parked the job without a lookup.
    doubted = order.in_doubt or job.effect is Effect.POSSIBLE
    if doubted and job.step in BEFORE_WRITE and ledger.routes.can_look_up(job.request):
        return look_up_first(ledger, connection, job, now, worker)
    return _take_turn(ledger, connection, row, job, now, worker)


def _foresee(ledger: Ledger, connection: Connection, job_id: str) -> None:
    """All that most claims read, in the sequence of the locks, before anything is known of the
    job but its id: one round trip. What is foreseen in vain has locked a row too many, and no more.
    """
    of = {"job_id": job_id}
    ledger.database.foresee(
        connection,
        *of_job(ledger, job_id),
        (LOCKED_JOB, of),
        (NOW, {}),
        (OTHERS, of),
        *by_job(job_id, turns.reads(ledger)),
    )


def _foreseen(ledger: Ledger, connection: Connection, row: Any) -> None:
    """What was asked by the job's id is what will be asked by the words of its row."""
    if takes_one(row):
        asked = by_job(row.id, turns.reads(ledger))
        will_be = turns.reads(ledger, row.bucket, row.rank, row.priority, row.seq)
        ledger.database.reword(connection, zip(asked, will_be, strict=True))


@once_more
def take(ledger: Ledger, held: Claim) -> Claim | None:
    """A further request of the run: its own token, at the same rank, and the lease anew.

    None if there is no token for it now, or the lease has been taken away. Raises HoldUnknown.
    """
    return holds.written(ledger, lambda connection: _take(ledger, connection, held))


def _take(ledger: Ledger, connection: Connection, held: Claim) -> Claim | None:
    ledger.database.foresee(
        connection,
        (LOCKED_ORDER, {"seller": held.job.seller, "order_id": held.job.order_id}),
        (LOCKED_JOB, {"job_id": held.job.id}),
        *turns.reads(
            ledger, held.bucket.key, RANK[held.job.step], held.job.request.priority, held.job.seq
        ),
    )
    lock_order(ledger, connection, held.job.seller, held.job.order_id)
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
    again = _renew(ledger, connection, row, job, turn, held.worker)
    return replace(again, reserved=held.reserved)


def go_on(ledger: Ledger, connection: Connection, held: Claim, row: Any, now: float) -> Claim:
    """Hold the write that a check has let go, on the token that was reserved for it; the lease
    is new. The order is locked, and `row` is the job's.
    """
    if held.reserved is None:
        raise AssertionError("Bug! A check lets a write go that has no token.")
    job = replace(held.job, step=Step.APPLY, attempt_count=row.attempt_count)
    turn = turns.start_reserved(connection, held.reserved, job.attempt_count + 1, now)
    claim = _renew(ledger, connection, row, job, turn, held.worker)
    connection.execute(WRITE, {"job_id": job.id, "step": Step.APPLY, "rank": RANK[Step.APPLY]})
    return claim


def _take_turn(
    ledger: Ledger, connection: Connection, row: Any, job: Job, now: float, worker: str
) -> Claim | NotNow:
    spec = ledger.routes.bucket(job.request, job.step)
    if spec is None:
        return park(ledger, connection, job, WaitingFor.CREDENTIALS, now, worker)
    if job.step is Step.CHECK:
        return _check(ledger, connection, row, job, spec, now, worker)
    turn = turns.take(ledger, connection, job, spec, worker)
    if not isinstance(turn, turns.Turn):
        return stay_ready(connection, job, spec)
    return _hold(ledger, connection, row, job, turn, worker)


def _check(
    ledger: Ledger,
    connection: Connection,
    row: Any,
    job: Job,
    spec: BucketSpec,
    now: float,
    worker: str,
) -> Claim | NotNow:
    """Claim a check together with the write that it may lead to.

    It waits among the writes; without a token for its lookup it stands in nobody's way: it is
    parked.
    """
    write = ledger.routes.bucket(job.request, job.step.turn)
    if write is None:
        return park(ledger, connection, job, WaitingFor.CREDENTIALS, now, worker)
    taken = turns.take_both(ledger, connection, job, (spec, write), worker)
    if isinstance(taken, turns.NoTurn):
        if taken.of_write:
            return stay_ready(connection, job, write)
        seconds = min(max(taken.seconds, LOOKUP_TOKEN), WAKE_UP)
        return park(ledger, connection, job, WaitingFor.QUOTA, now, worker, seconds)
    check, reserved = taken
    held = _hold(ledger, connection, row, job, check, worker)
    return replace(held, reserved=reserved)


def _hold(
    ledger: Ledger, connection: Connection, row: Any, job: Job, turn: turns.Turn, worker: str
) -> Claim:
    history.job_went(
        connection, job, job.state, State.RUNNING, at=turn.at, actor=worker, why=str(job.step)
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

"""What else there is of a job's order, under its lock: who goes first, and who gives way."""

from typing import Any

from sqlalchemy import Connection

from worker.domain.jobs import Effect, Job, State, Step, Task, WaitingFor
from worker.ledger import history, rows
from worker.ledger.locking import OTHERS, WRITE

OVERTAKES = (Task.CANCEL, Task.CONFIRM)


def order_is_free(connection: Connection, job: Job, now: float, worker: str) -> bool:
    """Whether no other job of the order is in the way of this one.

    One whose effect is applied only waits for details, and one may wait for the buyer. A
    cancel takes back what earlier confirms have not begun, and whatever somebody asks for
    takes back what a sweep has not begun.
    """
    free = True
    for other in map(rows.job, connection.execute(OTHERS, {"job_id": job.id})):
        overtaken = (job.task, other.task) == OVERTAKES and other.seq < job.seq
        if other.step is Step.CHECK and is_withdrawable(other):
            withdraw_row(connection, other, now, worker, f"job {job.id} of the order is open")
        elif overtaken and is_withdrawable(other):
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


def is_withdrawable(job: Job) -> bool:
    return job.state is State.WAITING and job.effect is Effect.NONE


def why_spared(connection: Connection, job: Job, order: Any) -> str | None:
    """Why a sweep's cancel leaves its order alone, whatever the provider says of it."""
    if order.kept_at is not None:
        return f"the order is kept by {order.kept_by}"
    for other in connection.execute(OTHERS, {"job_id": job.id}):
        return f"job {other.id} of the order is open"
    return None


def withdraw_row(connection: Connection, job: Job, now: float, actor: str, why: str) -> None:
    """Take back a locked job that waits and has had no effect."""
    history.job_went(connection, job, job.state, State.WITHDRAWN, at=now, actor=actor, why=why)
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

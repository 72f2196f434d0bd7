"""What else there is of a job's order, under the order's lock: who goes first, and who gives way.

Rows of jobs are locked FOR NO KEY UPDATE: a producer's row that only refers to a job (an alias,
in a shop's long transaction) holds up nobody who writes the job.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from worker.domain.jobs import Effect, Job, State, Step, Task, WaitingFor
from worker.ledger import history, rows
from worker.ledger.ledger import Ledger
from worker.ledger.schema import PARKED, RUNNING, jobs, orders

ORDER = select(orders).where(
    orders.c.seller == bindparam("seller"), orders.c.order_id == bindparam("order_id")
)
LOCKED_ORDER = ORDER.with_for_update()
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


def lock_order(ledger: Ledger, connection: Connection, seller: str, order_id: str) -> Any:
    """Lock the order's row, made if it is new."""
    of = {"seller": seller, "order_id": order_id}
    row = connection.execute(LOCKED_ORDER, of).one_or_none()
    if row is None:
        ledger.database.forget_foreseen(connection)  # it was asked without the lock
        make_order(ledger, connection, seller, order_id)
        row = connection.execute(LOCKED_ORDER, of).one()
    return row


def make_order(ledger: Ledger, connection: Connection, seller: str, order_id: str) -> None:
    new = {"seller": seller, "order_id": order_id, "in_doubt": False}
    connection.execute(ledger.database.insert_new(orders), new)


def order_is_free(connection: Connection, job: Job, now: float, worker: str) -> bool:
    """Whether no other job of the order is in the way of this one.

    One whose effect is applied only waits for details, and one may wait for the buyer. A
    cancel takes back what earlier confirms have not begun, and whatever somebody asks for
    takes back what a sweep has not begun.
    """
    free = True
    of = {"seller": job.seller, "order_id": job.order_id, "job_id": job.id}
    for other in map(rows.job, connection.execute(OTHERS, of)):
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
    of = {"seller": job.seller, "order_id": job.order_id, "job_id": job.id}
    for other in connection.execute(OTHERS, of):
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

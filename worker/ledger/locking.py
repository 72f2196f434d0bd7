"""The rows of an order and its jobs, and the sequence in which they are locked: the order, its
jobs by acceptance; then the buckets by key (`quotas`). Each lock is a statement of its own: the
next ones see what it waited for.

Rows of jobs are locked FOR NO KEY UPDATE: a producer's row that only refers to a job (an alias,
in a shop's long transaction) holds up nobody who writes the job.
"""

import functools
from typing import Any

from sqlalchemy import Connection, bindparam, false, select, text, tuple_, update

from worker.domain.jobs import Effect
from worker.ledger.by_job import IS_MINE, mine
from worker.ledger.ledger import Ledger
from worker.ledger.pipeline import Question
from worker.ledger.schema import PARKED, RUNNING, jobs, orders

ORDER = select(orders).where(
    orders.c.seller == bindparam("seller"), orders.c.order_id == bindparam("order_id")
)
LOCKED_ORDER = ORDER.with_for_update()
OF_MINE = select(mine.c.seller, mine.c.order_id).where(IS_MINE)
LOCKED_ORDER_OF_MINE = (
    select(orders)
    .where(tuple_(orders.c.seller, orders.c.order_id) == OF_MINE.scalar_subquery())
    .with_for_update()
)
NEW_ORDER_OF_MINE = OF_MINE.add_columns(false()).where(text(PARKED))
NEW_ORDER = ["seller", "order_id", "in_doubt"]
# Of a job whose effect is applied nobody asks: it is in nobody's way, and nobody in its.
IS_APPLIED = mine.c.effect == Effect.APPLIED
OTHERS = (
    select(jobs)
    .where(tuple_(jobs.c.seller, jobs.c.order_id) == OF_MINE.where(~IS_APPLIED).scalar_subquery())
    .where(jobs.c.id != bindparam("job_id"))
    .where(text(f"({PARKED} OR {RUNNING})"))
    .order_by(jobs.c.seq)
    .with_for_update(key_share=True)
)
WRITE = update(jobs).where(jobs.c.id == bindparam("job_id"))
JOB = select(jobs).where(jobs.c.id == bindparam("job_id"))
LOCKED_JOB = JOB.with_for_update(key_share=True)


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


def of_job(ledger: Ledger, job_id: str) -> list[Question]:
    """What `lock_order_of_job` says, in its sequence."""
    of = {"job_id": job_id}
    return [(_from_mine(ledger.database.insert_new(orders)), of), (LOCKED_ORDER_OF_MINE, of)]


def lock_order_of_job(ledger: Ledger, connection: Connection, job_id: str) -> Any:
    """As `lock_order`, for a job that is to be claimed; None if it is not, and has no order yet."""
    make, lock = of_job(ledger, job_id)
    connection.execute(*make)
    return connection.execute(*lock).one_or_none()


@functools.cache
def _from_mine(insert_new: Any) -> Any:
    return insert_new.from_select(NEW_ORDER, NEW_ORDER_OF_MINE)

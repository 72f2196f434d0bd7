"""The rows of an order and its jobs, and the sequence in which they are locked: the order, its
jobs by acceptance; then the buckets by key (`quotas`).

Rows of jobs are locked FOR NO KEY UPDATE: a producer's row that only refers to a job (an alias,
in a shop's long transaction) holds up nobody who writes the job.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

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

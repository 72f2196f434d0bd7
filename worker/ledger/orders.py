"""An order as somebody looks at it: its row, its jobs, what was done to it by no job.

And the record of a look at the buyer's details.
"""

from typing import Any

from sqlalchemy import Row, bindparam, select, text

from worker.ledger import history, portraits, queries
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait, time
from worker.ledger.repeating import once_more
from worker.ledger.schema import BY_NO_JOB, jobs, orders, transitions

MOST_JOBS = 200  # of one order that are shown, the newest

ORDER = select(orders).where(
    orders.c.seller == bindparam("seller"), orders.c.order_id == bindparam("order_id")
)
JOBS = (
    select(jobs.c.id)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .order_by(jobs.c.seq.desc())
    .limit(MOST_JOBS)
)
DONE = (
    select(transitions)
    .where(text(BY_NO_JOB), transitions.c.seller == bindparam("seller"))
    .where(transitions.c.order_id == bindparam("order_id"))
    .order_by(transitions.c.id)
)
RECEIPT = select(jobs.c.receipt).where(jobs.c.id == bindparam("job_id"))


def find(ledger: Ledger, seller: str, order_id: str) -> Portrait | None:
    """The order with its jobs, the oldest first; None if the ledger has never heard of it."""
    of = {"seller": seller, "order_id": order_id}
    with ledger.database.read() as connection:
        row = connection.execute(ORDER, of).one_or_none()
        ids = [str(job_id) for job_id in connection.execute(JOBS, of).scalars()]
        done = [portraits.transition(each) for each in connection.execute(DONE, of)]
    if row is None and not ids:
        return None
    return {
        **of,
        **_of_row(row),
        "jobs": queries.of_ids(ledger, reversed(ids)),
        "done": done,
    }


def _of_row(row: Row[Any] | None) -> Portrait:
    """An order whose jobs no worker has claimed has no row yet."""
    known: dict[str, Any] = {} if row is None else row._asdict()
    return {
        "state": known.get("state"),
        "state_at": time(known.get("state_at")),
        "in_doubt": bool(known.get("in_doubt")),
        "kept_at": time(known.get("kept_at")),
        "kept_by": known.get("kept_by"),
    }


@once_more
def disclose(ledger: Ledger, job_id: str, *, actor: str) -> None:
    """Record that somebody is shown the buyer's details; nothing, where there are none."""
    with ledger.database.write() as connection:
        receipt = connection.execute(RECEIPT, {"job_id": job_id}).scalar()
        if receipt and receipt.get("details"):
            now = ledger.database.now(connection)
            history.details_went(connection, job_id, at=now, actor=actor, why="asked", new="shown")

"""Which orders a sweep may take up, and why it leaves the others alone.

The ledger only proposes: what may be cancelled is decided by the lookup of each cancel's claim.
An order whose last job ended within `after` is left alone too, so that one that cannot be
cancelled is looked at once in that time and not at every sweep.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text, tuple_

from worker.domain.staleness import ShopOrder, StalePolicy
from worker.ledger.database import Database
from worker.ledger.portraits import time
from worker.ledger.schema import PARKED, RUNNING, SWEEPABLE, jobs, orders

SHOWN = 1000  # orders that are left alone, with the reason; the others are counted
BATCH = 200

OF_ORDER = (jobs.c.seller == orders.c.seller) & (jobs.c.order_id == orders.c.order_id)
OPEN = select(jobs.c.id).where(OF_ORDER, text(f"({PARKED} OR {RUNNING})")).limit(1)
LAST_END = select(func.max(jobs.c.finished_at)).where(OF_ORDER)
IS_OLD = (
    (orders.c.seller == bindparam("seller"))
    & orders.c.state.in_(bindparam("states", expanding=True))
    & (orders.c.state_at <= bindparam("since"))
)
OPEN_JOB = OPEN.correlate(orders).scalar_subquery()
LAST_JOB = LAST_END.correlate(orders).scalar_subquery()
FREE = (
    select(orders.c.order_id, orders.c.state_at)
    .where(IS_OLD, text(SWEEPABLE))
    .where(OPEN_JOB.is_(None), func.coalesce(LAST_JOB, 0.0) <= bindparam("since"))
    .where(tuple_(orders.c.state_at, orders.c.order_id) > tuple_(bindparam("at"), bindparam("id")))
    .order_by(orders.c.state_at, orders.c.order_id)
    .limit(BATCH)
)
TOLD = select(orders, OPEN_JOB.label("open_job"), LAST_JOB.label("last_end"))
LEFT = (
    TOLD.where(IS_OLD)
    .where(
        or_(
            text(f"NOT ({SWEEPABLE})"),
            OPEN_JOB.is_not(None),
            func.coalesce(LAST_JOB, 0.0) > bindparam("since"),
        )
    )
    .order_by(orders.c.state_at)
    .limit(SHOWN)
)
OF_IDS = TOLD.where(
    orders.c.seller == bindparam("seller"),
    orders.c.order_id.in_(bindparam("ids", expanding=True)),
)
# Jobs of orders that no claim has given a row yet.
OPEN_OF_IDS = select(jobs.c.order_id, jobs.c.id).where(
    jobs.c.seller == bindparam("seller"),
    jobs.c.order_id.in_(bindparam("ids", expanding=True)),
    text(f"({PARKED} OR {RUNNING})"),
)
YOUNGER = (
    select(func.count())
    .select_from(orders)
    .where(orders.c.seller == bindparam("seller"), orders.c.state_at > bindparam("since"))
    .where(orders.c.state.in_(bindparam("states", expanding=True)))
)


def find(database: Database, policy: StalePolicy) -> Iterator[ShopOrder]:
    """The orders that the ledger proposes, the longest unchanged first, page by page.

    Not only the first of the policy's limit: what the door refuses must not stand before all
    others for ever.
    """
    place: dict[str, Any] = {"at": 0.0, "id": ""}
    while True:
        with database.read() as connection:
            which = _which(database, connection, policy)
            found = connection.execute(FREE, {**which, **place}).all()
        yield from (ShopOrder(row.order_id) for row in found)
        if len(found) < BATCH:
            return
        place = {"at": found[-1].state_at, "id": found[-1].order_id}


def left_alone(database: Database, policy: StalePolicy) -> tuple[dict[str, str], int]:
    """Orders that are old enough and not proposed, each with the reason, and how many are in
    these states and younger.
    """
    with database.read() as connection:
        which = _which(database, connection, policy)
        found = connection.execute(LEFT, which).all()
        younger = connection.execute(YOUNGER, which).scalar_one()
        since = which["since"]
    return {row.order_id: reason for row in found if (reason := _reason(row, since))}, int(younger)


def reasons(database: Database, policy: StalePolicy, ids: Collection[str]) -> dict[str, str]:
    """Why those of these orders are left alone that are."""
    told: dict[str, str] = {}
    with database.read() as connection:
        since = database.now(connection) - policy.after
        for batch in _batches(ids):
            of = {"seller": policy.seller, "ids": batch}
            for order_id, job_id in connection.execute(OPEN_OF_IDS, of):
                told[order_id] = f"job {job_id} of the order is open"
            for row in connection.execute(OF_IDS, of):
                if reason := _reason(row, since):
                    told[row.order_id] = reason
    return told


def _which(database: Database, connection: Connection, policy: StalePolicy) -> dict[str, Any]:
    since = database.now(connection) - policy.after
    return {"seller": policy.seller, "states": list(policy.states), "since": since}


def _reason(row: Row[Any], since: float) -> str | None:
    kept_at, authorized_at = row.kept_at, row.authorized_at
    if kept_at is not None:
        return f"kept by {row.kept_by} since {time(kept_at)}"
    if authorized_at is not None:
        return f"had an authorization or a capture on {time(authorized_at)}"
    if (open_job := row.open_job) is not None:
        return f"job {open_job} of the order is open"
    if (last_end := row.last_end) is not None and last_end > since:
        return f"its last job ended on {time(last_end)}"
    return None


def _batches(ids: Collection[str]) -> Iterable[list[str]]:
    listed = list(ids)
    return (listed[start : start + BATCH] for start in range(0, len(listed), BATCH))

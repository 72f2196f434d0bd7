"""Taking buyers' details out of receipts; the receipt itself stays, and so does a trace of it.

The details are what a lookup has read: the buyer's name and address. They stand in receipts of
jobs, and may stand in the results of the shop's own tasks, which were given receipts: those go
after the same time. A caller that asks for a receipt later finds `details` null and
`details_removed_at`. That holds for a continuation that could not be fired for so long, too.
"""

import json
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy import tuple_ as several

from worker.ledger import history
from worker.ledger.columns import as_text
from worker.ledger.database import Database
from worker.ledger.portraits import time
from worker.ledger.repeating import once_more
from worker.ledger.retention.pruned import Pruned
from worker.ledger.schema import WITH_DETAILS, jobs

BATCH = 200  # receipts of one transaction

PLACE = several(jobs.c.finished_at, jobs.c.seq)
FOUND = (
    select(jobs.c.id, jobs.c.seq, jobs.c.finished_at, as_text(jobs.c.receipt))
    .where(text(WITH_DETAILS), jobs.c.finished_at < bindparam("before"))
    .where(several(bindparam("at"), bindparam("seq")) < PLACE)
    .order_by(jobs.c.finished_at, jobs.c.seq)
    .limit(BATCH)
)
LOCKED = FOUND.with_for_update(skip_locked=True, key_share=True)
CLEARED = update(jobs).where(jobs.c.id == bindparam("of_job"))

Place = tuple[float, int]
FIRST: Place = (0.0, 0)


@once_more
def remove(
    database: Database, keep: float, after: Place, actor: str, *, dry_run: bool = False
) -> tuple[Pruned, Place | None]:
    """One batch, of those that ended longer ago than `keep` seconds; where the next one begins.

    None when this was the last.
    """
    if dry_run:
        with database.read() as connection:
            which = _which(database.now(connection), keep, after)
            found = connection.execute(FOUND, which).all()
        count = sum(_has_details(row.receipt) for row in found)
    else:
        with database.write() as connection:
            now = database.now(connection)
            found = connection.execute(LOCKED, _which(now, keep, after)).all()
            count = sum(_clear(connection, row, now, keep, actor) for row in found)
    place = (found[-1].finished_at, found[-1].seq) if len(found) == BATCH else None
    return Pruned(details=count), place


def _which(now: float, keep: float, after: Place) -> dict[str, Any]:
    return {"before": now - keep, "at": after[0], "seq": after[1]}


def _clear(connection: Connection, row: Any, now: float, keep: float, actor: str) -> bool:
    values: dict[str, Any] = {"of_job": row.id, "details_removed_at": now}
    had = _has_details(row.receipt)
    if had:
        receipt = _read(row.receipt)
        values["receipt"] = receipt and receipt | {
            "details": None,
            "details_removed_at": time(now),
        }
        why = f"kept for {keep / 86400:g} days"
        history.details_went(connection, row.id, at=now, actor=actor, why=why)
    connection.execute(CLEARED, values)
    return had


def _has_details(receipt: str) -> bool:
    """What is no receipt any more may have them: it goes as a whole."""
    read = _read(receipt)
    return read is None or bool(read.get("details"))


def _read(receipt: str) -> dict[str, Any] | None:
    try:
        read = json.loads(receipt)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None

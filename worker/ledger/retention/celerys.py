"""What Celery has left: results of the shop's own tasks, groups, chords that are over.

A task of the shop may have been given a receipt and have returned it, so that its result is kept
as long as a buyer's details are. Members of a chord that has not begun its body are still needed.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, Delete, Select, Table, bindparam, delete, select, text

from worker.ledger.columns import as_text
from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.retention.pruned import Pruned
from worker.ledger.schema import (
    CHORD_CONTINUED,
    CHORD_PENDING,
    chord_parts,
    chords,
    groups,
    results,
)

BATCH = 200  # rows of one transaction

TEXTS = re.compile(r'"([^"]+)"')  # of JSON, whatever its form: ids and what is none
PENDING = select(chords.c.id, as_text(chords.c.header)).where(text(CHORD_PENDING))
OLD_CHORDS = (
    select(chords.c.id)
    .where(text(CHORD_CONTINUED), chords.c.continued_at < bindparam("before"))
    .order_by(chords.c.continued_at)
    .limit(BATCH)
)
IDS: BindParameter[str] = bindparam("ids", expanding=True)


def needed(database: Database) -> set[str]:
    """The ids that chords still ask for: of groups, of jobs, of other tasks."""
    with database.read() as connection:
        pending = connection.execute(PENDING).all()
    return {name for row in pending for name in (row.id, *TEXTS.findall(row.header))}


def remove(
    database: Database, keep: float, needed: Collection[str], *, dry_run: bool = False
) -> Iterator[Pruned]:
    """Batches of what is older than `keep` seconds."""
    for count in _old(database, results, results.c.task_id, keep, needed, dry_run=dry_run):
        yield Pruned(results=count)
    for count in _old(database, groups, groups.c.group_id, keep, needed, dry_run=dry_run):
        yield Pruned(groups=count)
    while True:
        count = _chords(database, keep, dry_run=dry_run)
        yield Pruned(chords=count)
        if dry_run or count < BATCH:
            return


@once_more
def _chords(database: Database, keep: float, *, dry_run: bool) -> int:
    with database.read() if dry_run else database.write() as connection:
        before = {"before": database.now(connection) - keep}
        ids = connection.execute(OLD_CHORDS, before).scalars().all()
        if ids and not dry_run:
            of = {"ids": list(ids)}
            connection.execute(delete(chord_parts).where(chord_parts.c.chord_id.in_(IDS)), of)
            connection.execute(delete(chords).where(chords.c.id.in_(IDS)), of)
        return len(ids)


def _old(
    database: Database,
    table: Table,
    key: Column[str],
    keep: float,
    needed: Collection[str],
    *,
    dry_run: bool,
) -> Iterator[int]:
    at: BindParameter[float] = bindparam("at")
    name: BindParameter[str] = bindparam("id")
    page = (
        select(key.label("id"), table.c.at)
        .where(table.c.at < bindparam("before"))
        .where((table.c.at > at) | ((table.c.at == at) & (key > name)))
        .order_by(table.c.at, key)
        .limit(BATCH)
    )
    gone = None if dry_run else delete(table).where(key.in_(IDS))
    after: dict[str, Any] = {"at": 0.0, "id": ""}
    while True:
        found, count = _page(database, page, gone, keep, after, needed)
        yield count
        if len(found) < BATCH:
            return
        after = {"at": found[-1].at, "id": found[-1].id}


@once_more
def _page(
    database: Database,
    page: Select[Any],
    gone: Delete | None,
    keep: float,
    after: dict[str, Any],
    needed: Collection[str],
) -> tuple[Sequence[Any], int]:
    """The rows that were looked at, and how many of them go; `gone` None is a look only."""
    with database.read() if gone is None else database.write() as connection:
        before = {"before": database.now(connection) - keep}
        found = connection.execute(page, {**after, **before}).all()
        ids = [row.id for row in found if row.id not in needed]
        if ids and gone is not None:
            connection.execute(gone, {"ids": ids})
        return found, len(ids)

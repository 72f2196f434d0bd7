"""Forgetting orders: all jobs of an order at once, when the last of them ended long enough ago.

An order is forgotten as a whole, so that a history is there or is not, and `verify` can judge it.
One with an open job, an open doubt or a continuation that was not fired is left alone.

A forgotten job no longer holds its key: whoever asks for the same again gets a new job, which is
sent. What keeps that from doing harm is the provider, and a long time: it refuses to confirm an
order that is confirmed, closed or cancelled, and to cancel what is cancelled. So the time is a
year by default, longer than Amazon keeps an order reference open (180 days). An order that
somebody asked to keep stays kept.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Executable,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
    text,
)
from sqlalchemy import tuple_ as several

from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.retention.pruned import Pruned
from worker.ledger.schema import (
    BY_NO_JOB,
    FINISHED,
    aliases,
    attempts,
    jobs,
    orders,
    transitions,
)

BATCH = 100  # jobs that are looked at in one transaction; their orders may have more

PLACE = several(jobs.c.finished_at, jobs.c.seq)
FOUND = (
    select(jobs.c.seller, jobs.c.order_id, jobs.c.finished_at, jobs.c.seq)
    .where(text(FINISHED), jobs.c.finished_at < bindparam("before"))
    .where(several(bindparam("at"), bindparam("seq")) < PLACE)
    .order_by(jobs.c.finished_at, jobs.c.seq)
    .limit(BATCH)
)
# Orders of one seller: pairs of seller and order are no use of an index on SQLite.
OF_THESE: BindParameter[Any] = bindparam("these", expanding=True)
OF_SELLER: BindParameter[str] = bindparam("of_seller")
ORDER_ROWS = select(orders).where(orders.c.seller == OF_SELLER, orders.c.order_id.in_(OF_THESE))
LOCKED_ORDERS = ORDER_ROWS.with_for_update(skip_locked=True)
NOT_FIRED = or_(
    and_(jobs.c.options.is_not(None), jobs.c.continued_at.is_(None)),
    exists().where(
        aliases.c.job_id == jobs.c.id,
        aliases.c.options.is_not(None),
        aliases.c.continued_at.is_(None),
    ),
)
JOBS_OF = select(
    jobs.c.id, jobs.c.seller, jobs.c.order_id, jobs.c.finished_at, NOT_FIRED.label("not_fired")
).where(jobs.c.seller == OF_SELLER, jobs.c.order_id.in_(OF_THESE))
IDS: BindParameter[str] = bindparam("ids", expanding=True)
# Whoever refers to a job in a transaction that is not over is waited for by nobody.
LOCKED_JOBS = select(jobs.c.id).where(jobs.c.id.in_(IDS)).with_for_update(skip_locked=True)
OF_JOBS = (
    delete(attempts).where(attempts.c.job_id.in_(IDS)),
    delete(transitions).where(transitions.c.job_id.in_(IDS)),
    delete(aliases).where(aliases.c.job_id.in_(IDS)),
    delete(jobs).where(jobs.c.id.in_(IDS)),
)
OF_ORDERS = (
    delete(transitions).where(
        text(BY_NO_JOB), transitions.c.seller == OF_SELLER, transitions.c.order_id.in_(OF_THESE)
    ),
    delete(orders).where(orders.c.seller == OF_SELLER, orders.c.order_id.in_(OF_THESE)),
)

Place = tuple[float, int]
Order = tuple[str, str]
FIRST: Place = (0.0, 0)


@once_more
def remove(
    database: Database,
    keep: float,
    after: Place,
    needed: Collection[str],
    *,
    dry_run: bool = False,
) -> tuple[Pruned, Place | None]:
    """One batch, of the orders whose last job ended longer ago than `keep` seconds; where the
    next one begins, None when this was the last. Jobs in `needed` are left alone.
    """
    if dry_run:
        with database.read() as connection:
            found, gone = _look(database, connection, keep, after, needed)
    else:
        with database.write() as connection:
            found, gone = _look(database, connection, keep, after, needed, lock=True)
            if gone:
                _forget(connection, gone)
    place = (found[-1].finished_at, found[-1].seq) if len(found) == BATCH else None
    return Pruned(jobs=sum(map(len, gone.values())), orders=len(gone)), place


def _look(
    database: Database,
    connection: Connection,
    keep: float,
    after: Place,
    needed: Collection[str],
    *,
    lock: bool = False,
) -> tuple[Sequence[Any], dict[Order, list[str]]]:
    """The jobs that were looked at, and the orders that may go with the ids of their jobs."""
    before = database.now(connection) - keep
    which = {"before": before, "at": after[0], "seq": after[1]}
    found = connection.execute(FOUND, which).all()
    these = sorted(set(map(_order_of, found)))
    ours = set(map(_order_of, _read(connection, LOCKED_ORDERS, these))) if lock else None
    staying = {
        _order_of(row)
        for row in _read(connection, ORDER_ROWS, these)
        if row.in_doubt or (ours is not None and _order_of(row) not in ours)
    }
    going: dict[Order, list[str]] = {}
    for row in _read(connection, JOBS_OF, these):
        order = _order_of(row)
        is_open = row.finished_at is None or row.finished_at >= before
        if is_open or row.not_fired or row.id in needed:
            staying.add(order)
        going.setdefault(order, []).append(row.id)
    gone = {order: ids for order, ids in going.items() if order not in staying}
    return found, _unheld(connection, gone) if lock and gone else gone


def _read(connection: Connection, statement: Executable, these: Iterable[Order]) -> Iterator[Any]:
    for of in _by_seller(these):
        yield from connection.execute(statement, of).all()


def _by_seller(these: Iterable[Order]) -> Iterator[dict[str, Any]]:
    for seller, of_seller in groupby(sorted(these), lambda order: order[0]):
        yield {"of_seller": seller, "these": [order_id for _, order_id in of_seller]}


def _order_of(row: Any) -> Order:
    return row.seller, row.order_id


def _unheld(connection: Connection, gone: dict[Order, list[str]]) -> dict[Order, list[str]]:
    """Those that nobody holds: their orders' and their own rows are ours until the end."""
    ids = [each for of_order in gone.values() for each in of_order]
    locked = set(connection.execute(LOCKED_JOBS, {"ids": ids}).scalars())
    return {order: each for order, each in gone.items() if locked.issuperset(each)}


def _forget(connection: Connection, gone: dict[Order, list[str]]) -> None:
    ids = {"ids": [each for of_order in gone.values() for each in of_order]}
    for statement in OF_JOBS:
        connection.execute(statement, ids)
    # Locked: a row that was made since the look may have been kept since.
    free = [_order_of(row) for row in _read(connection, LOCKED_ORDERS, gone) if row.kept_at is None]
    for of in _by_seller(free):
        for statement in OF_ORDERS:
            connection.execute(statement, of)

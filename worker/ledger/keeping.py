"""Keeping an order: no sweep cancels it from here on, whatever has been begun."""

from sqlalchemy import Connection, bindparam, select, update

from worker.domain.jobs import Effect, State, Step
from worker.ledger import history, rows
from worker.ledger.ledger import Ledger
from worker.ledger.locking import lock_order
from worker.ledger.precedence import withdraw_row
from worker.ledger.repeating import once_more
from worker.ledger.schema import jobs, orders

KEEP = update(orders).where(
    orders.c.seller == bindparam("of_seller"), orders.c.order_id == bindparam("of_order_id")
)
SWEEPS_OWN = (
    select(jobs)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .where(jobs.c.state == State.WAITING, jobs.c.step == Step.CHECK)
    .where(jobs.c.effect == Effect.NONE)
    .order_by(jobs.c.seq)
    .with_for_update(key_share=True)
)


@once_more
def keep(
    ledger: Ledger, seller: str, order_id: str, *, actor: str, why: str | None, kept: bool = True
) -> bool:
    """Keep an order from the sweeps, or let them have it again; whether that changed anything.

    A sweep's cancel that waits is withdrawn. One whose check is on its way reads this before it
    sends; one that has been sent is too late to keep from.
    """
    with ledger.database.write() as connection:
        order = lock_order(ledger, connection, seller, order_id)
        if (order.kept_at is not None) == kept:
            return False
        now = ledger.database.now(connection)
        values = {"kept_at": now if kept else None, "kept_by": actor if kept else None}
        of = {"of_seller": seller, "of_order_id": order_id}
        connection.execute(KEEP, {**of, **values})
        history.order_was(
            connection,
            (seller, order_id),
            "kept" if kept else "released",
            at=now,
            actor=actor,
            why=why,
        )
        if kept:
            _withdraw_sweeps(connection, seller, order_id, now, actor)
        return True


def _withdraw_sweeps(
    connection: Connection, seller: str, order_id: str, now: float, actor: str
) -> None:
    for row in connection.execute(SWEEPS_OWN, {"seller": seller, "order_id": order_id}).all():
        withdraw_row(connection, rows.job(row), now, actor, f"the order is kept by {actor}")

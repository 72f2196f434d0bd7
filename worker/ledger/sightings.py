"""What is learnt of an order: its state at the provider, whether it is in doubt, or paid for."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, update

from worker.domain.decisions import Decision
from worker.domain.jobs import Job, State, Step
from worker.domain.outcomes import OrderView
from worker.ledger import history
from worker.ledger.ledger import Ledger
from worker.ledger.schema import orders

SET_ORDER = update(orders).where(
    orders.c.seller == bindparam("of_seller"), orders.c.order_id == bindparam("of_order_id")
)


def learn_of_order(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    decision: Decision,
    order: Row[Any],
    seen: OrderView | None,
    now: float,
    actor: str,
) -> None:
    """Write what was learnt of the order, whose row is locked: its state, and if it is in doubt.

    A job that gives up on an outcome leaves the doubt to the order; the job whose lookups end
    it takes it away.
    """
    gave_up = decision.state is State.FAILED and decision.step is Step.DOUBT
    resolved = seen is not None and job.step is Step.DOUBT and decision.step is not Step.DOUBT
    in_doubt = gave_up or (order.in_doubt and not resolved)
    state = seen.state if seen else _inferred(ledger, job, decision) or order.state
    authorized_at = order.authorized_at or (now if seen and seen.authorizations else None)
    new = (state, in_doubt, authorized_at)
    if new == (order.state, order.in_doubt, order.authorized_at):
        return
    connection.execute(
        SET_ORDER,
        {
            "of_seller": job.seller,
            "of_order_id": job.order_id,
            "state": state,
            "state_at": now if state != order.state else order.state_at,
            "in_doubt": in_doubt,
            "authorized_at": authorized_at,
        },
    )
    if state is not None and state != order.state:
        history.order_went(connection, job, order.state, state, at=now, actor=actor)


def _inferred(ledger: Ledger, job: Job, decision: Decision) -> str | None:
    """The state that a success leaves the order in, where no lookup tells it."""
    return ledger.routes.state_after(job.request) if decision.state is State.SUCCEEDED else None

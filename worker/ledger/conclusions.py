"""Writing what was decided of a job whose row is locked, and waking who waited for its order."""

from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from worker.domain.decisions import Decision
from worker.domain.jobs import RANK, Job, State, Step, WaitingFor
from worker.domain.records import is_unconfirmed
from worker.ledger import history
from worker.ledger.continuations import CONTINUE_AFTER
from worker.ledger.ledger import Ledger
from worker.ledger.locking import WRITE
from worker.ledger.schema import SLEEPING, jobs

WAITS_FOR_ORDER = (
    select(jobs.c.id, jobs.c.state, jobs.c.bucket, jobs.c.seller, jobs.c.order_id, jobs.c.trace)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .where(jobs.c.waiting_for == WaitingFor.ORDER)
    .where(text(SLEEPING))
    .with_for_update(key_share=True)
)
GIVES_WAY = frozenset({Step.DETAILS, Step.CHECK})  # parked so, a job holds its order for nobody
# Seconds for the last lookup of a buyer who may have authenticated just before the time ran out.
LAST_LOOK = 600.0


def conclude(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    decision: Decision,
    *,
    now: float,
    actor: str,
) -> bool:
    """Write a decision on a job whose row is locked, and wake who waited for its order: whether
    anybody did.
    """
    history.job_went(
        connection,
        job,
        job.state,
        decision.state,
        at=now,
        actor=actor,
        waiting_for=decision.waiting_for,
        why=decision.why,
    )
    values: dict[str, Any] = {
        "state": decision.state,
        "waiting_for": decision.waiting_for,
        "effect": decision.effect,
        "step": decision.step,
        "rank": RANK[decision.step.turn],
        "costs": job.costs + decision.cost,
        "backoffs": decision.backoffs,
        "doubt_since": decision.doubt_since,
        "not_applied_at": decision.not_applied_at,
        "receipt": decision.receipt,
        "error": decision.error,
        "worker": None,
        "lease_until": None,
        "publish_at": 0.0,
        "publish_count": 0,
    }
    if decision.is_final:
        values |= {
            "ready": False,
            "finished_at": now,
            "publish_at": now + CONTINUE_AFTER,
            "holds_key": decision.state is State.SUCCEEDED,
        }
    else:
        spec = ledger.routes.bucket(job.request, decision.step.turn)
        values |= {
            "bucket": spec.key if spec else None,
            "ready": decision.due_in <= 0 and spec is not None,
            "due_at": now + decision.due_in,
            "deadline": _deadline(ledger, job, decision),
        }
    connection.execute(WRITE, {"job_id": job.id, **values})
    return wakes(decision) and wake_order(connection, job, now, actor)


def _deadline(ledger: Ledger, job: Job, decision: Decision) -> float:
    """When the dispatcher ends what the job does now: a doubt has a limit of its own."""
    if decision.state is State.IN_DOUBT and decision.doubt_since is not None:
        return decision.doubt_since + ledger.policy.doubt_limit
    if is_unconfirmed(decision):
        return job.give_up_at + LAST_LOOK
    return job.give_up_at


def wakes(decision: Decision) -> bool:
    return decision.is_final or decision.step in GIVES_WAY


def wake_order(connection: Connection, job: Job, now: float, actor: str) -> bool:
    """The order is free: what waited for it is ready. Whether anything did."""
    of = {"seller": job.seller, "order_id": job.order_id}
    waits_for_order = connection.execute(WAITS_FOR_ORDER, of).all()
    for waiting in waits_for_order:
        if waiting.state == State.WAITING:
            history.job_went(
                connection,
                waiting,
                State.WAITING,
                State.WAITING,
                at=now,
                actor=actor,
                waiting_for=WaitingFor.TURN,
                why=f"job {job.id} is done with the order",
            )
        connection.execute(
            WRITE,
            {
                "job_id": waiting.id,
                "waiting_for": WaitingFor.TURN,
                "due_at": now,
                "ready": waiting.bucket is not None,
                "publish_at": 0.0,
                "publish_count": 0,
            },
        )
    return bool(waits_for_order)

"""Putting a job back that cannot be claimed now, under its order's lock: it holds no worker's slot.

It is woken when what it waits for has come, and looks again by itself in any case.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import RANK, Job, State, Step, WaitingFor
from worker.ledger import history
from worker.ledger.ledger import Ledger
from worker.ledger.locking import WRITE
from worker.ledger.precedence import withdraw_row

WAKE_UP = 30.0  # seconds until a job looks again whether its order is free or its seller known


@dataclass(frozen=True, slots=True)
class NotNow:
    """The job is not claimed: it is final, somebody else's, or it waits.

    `again` says that the job has become ready for another step and may be claimed at once.
    """

    job: Job | None
    again: bool = False


def spare(
    ledger: Ledger, connection: Connection, job: Job, now: float, worker: str, why: str
) -> NotNow:
    withdraw_row(connection, job, now, worker, why)
    ledger.database.announce(connection)
    return NotNow(replace(job, state=State.WITHDRAWN))


def stay_ready(connection: Connection, job: Job, spec: BucketSpec) -> NotNow:
    values = {"ready": True, "bucket": spec.key, "publish_at": 0.0, "publish_count": 0}
    connection.execute(WRITE, {"job_id": job.id, **values})
    return NotNow(job)


def park(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    waiting_for: WaitingFor,
    now: float,
    worker: str,
    seconds: float = WAKE_UP,
) -> NotNow:
    """Put a job aside that cannot run; it is woken, and looks again by itself. The slot that it
    was published for is free: its dispatcher would else hear of it with the next round only.
    """
    if job.waiting_for is not waiting_for and job.state is State.WAITING:
        history.job_went(
            connection,
            job,
            job.state,
            State.WAITING,
            at=now,
            actor=worker,
            waiting_for=waiting_for,
        )
    values = {"ready": False, "waiting_for": waiting_for, "due_at": now + seconds}
    connection.execute(WRITE, {"job_id": job.id, **values})
    ledger.database.announce(connection, worker)
    return NotNow(job)


def look_up_first(
    ledger: Ledger, connection: Connection, job: Job, now: float, worker: str
) -> NotNow:
    """A request's outcome is unknown, an earlier job's or our own: read before it is changed."""
    if job.state is State.WAITING:
        history.job_went(
            connection,
            job,
            job.state,
            State.WAITING,
            at=now,
            actor=worker,
            waiting_for=WaitingFor.LOOKUP,
            why="an earlier outcome is unknown",
        )
    spec = ledger.routes.bucket(job.request, Step.DOUBT)
    connection.execute(
        WRITE,
        {
            "job_id": job.id,
            "step": Step.DOUBT,
            "rank": RANK[Step.DOUBT],
            "waiting_for": WaitingFor.LOOKUP,
            "bucket": spec.key if spec else None,
            "ready": spec is not None,
        },
    )
    return NotNow(job, again=True)

"""Ended leases and passed deadlines: a job that nobody holds any more is taken on from here.

Each verb looks first and writes only if there is something to write, so that an idle fleet
leaves the database alone.
"""

import math
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from worker import logs
from worker.domain.decisions import Decision, expired, lease_lost
from worker.domain.jobs import FINAL, LONGEST_LEASE, Job, State
from worker.errors import LedgerUnavailable
from worker.ledger import narration, quotas, rows, turns
from worker.ledger.conclusions import conclude
from worker.ledger.ledger import Ledger
from worker.ledger.locking import JOB, LOCKED_JOB, LOCKED_ORDER, WRITE
from worker.ledger.repeating import once_more
from worker.ledger.schema import IN_FLIGHT, PARKED, RUNNING, attempts, by, jobs
from worker.ledger.sightings import learn_of_order

log = logs.get("worker.ledger")

LOOK_AGAIN = 60.0  # seconds until what could not be ended is tried again
AFTER_OUTAGE = 2.0  # seconds in which what was kept is written: twice the longest wait for it
BATCH = 200  # jobs of one round: the others have theirs a moment later

ENDED_LEASES = (
    select(jobs.c.id).where(text(RUNNING), jobs.c.lease_until <= bindparam("now")).limit(BATCH)
)
# No worker has such a lease: an editor has, or the clock was set back under it.
ODD_LEASES = (
    select(jobs.c.id)
    .with_hint(*by("jobs_lease"))
    .where(text(RUNNING), jobs.c.lease_until.is_(None) | (jobs.c.lease_until > bindparam("far")))
    .limit(BATCH)
)
PAST_DEADLINE = (
    select(jobs.c.id)
    .with_hint(*by("jobs_deadline"))
    .where(text(PARKED), jobs.c.deadline <= bindparam("now"))
    .limit(BATCH)
)
END_LOST_ATTEMPTS = (
    update(attempts)
    .where(attempts.c.job_id == bindparam("of_job"), text(IN_FLIGHT))
    .values(outcome="unknown", message="the worker was lost")
)
# Of what cannot be ended: else each dispatcher would try it fifty times a second.
PUT_OFF = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"), text(RUNNING), jobs.c.lease_until < bindparam("later"))
    .values(lease_until=bindparam("later")),
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"), text(PARKED), jobs.c.deadline < bindparam("later"))
    .values(deadline=bindparam("later")),
)
LOST = select(attempts.c.bucket, attempts.c.number, attempts.c.operation).where(
    attempts.c.job_id == bindparam("of_job"), text(IN_FLIGHT)
)


def recover(ledger: Ledger, actor: str, since: float = -math.inf) -> int:
    """Take ended leases away, and conclude what is past its deadline; how many jobs it was.

    `since` is when this process found the ledger again, on the ledger's clock: for a moment then
    no lease is taken away, for its worker may hold an answer that it could not write.
    """
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        ended = [
            *connection.execute(ENDED_LEASES, {"now": now}).scalars(),
            *connection.execute(ODD_LEASES, {"far": now + LONGEST_LEASE}).scalars(),
        ]
        overdue = connection.execute(PAST_DEADLINE, {"now": now}).scalars().all()
    if now < since + AFTER_OUTAGE:
        ended = []
    return sum(_end_if_readable(ledger, job_id, actor) for job_id in [*ended, *overdue])


@once_more
def _end_if_readable(ledger: Ledger, job_id: str, actor: str) -> bool:
    """End one job; a row that this version cannot read stands in no other job's way."""
    try:
        return _end(ledger, job_id, actor)
    except LedgerUnavailable:
        raise
    except Exception:
        log.exception("a job cannot be ended", job=job_id)
        with ledger.database.write() as connection:
            later = {"of_job": job_id, "later": ledger.database.now(connection) + LOOK_AGAIN}
            for statement in PUT_OFF:
                connection.execute(statement, later)
        return False


@once_more
def _end(ledger: Ledger, job_id: str, actor: str) -> bool:
    """End one job's lease or its time, if under the locks it is still so."""
    with ledger.database.write() as connection:
        row = connection.execute(JOB, {"job_id": job_id}).one()
        of = {"seller": row.seller, "order_id": row.order_id}
        order = connection.execute(LOCKED_ORDER, of).one_or_none()
        row = connection.execute(LOCKED_JOB, {"job_id": job_id}).one()
        job = rows.job(row)
        now = ledger.database.now(connection)
        decision = _ending(ledger, row, job, now)
        if decision is None:
            return False
        if job.state is State.RUNNING:
            lost = {"job_id": job.id, "lost_leases": job.lost_leases + 1}
            connection.execute(WRITE, lost | {"lease_token": row.lease_token + 1})
        conclude(ledger, connection, job, decision, now=now, actor=actor)
        if order is not None:  # there is none before the first claim of one of its jobs
            learn_of_order(ledger, connection, job, decision, order, None, now, actor)
        if decision.is_final:  # nobody is running it: its continuations are the dispatcher's
            connection.execute(WRITE, {"job_id": job.id, "publish_at": now})
        if job.state is State.RUNNING:
            _end_lost_attempts(ledger, connection, job, row.worker, now)
    return True


def _ending(ledger: Ledger, row: Any, job: Job, now: float) -> Decision | None:
    if job.state in FINAL:
        return None
    if job.state is State.RUNNING:
        if row.lease_until is not None and now < row.lease_until <= now + LONGEST_LEASE:
            return None
        can_look_up = ledger.routes.can_look_up(job.request)
        return lease_lost(job, now, ledger.policy, can_look_up=can_look_up)
    return expired(job) if job.deadline <= now else None


def _end_lost_attempts(
    ledger: Ledger, connection: Connection, job: Job, worker: str | None, now: float
) -> None:
    """The calls of a lost worker are no longer in flight; their buckets refill up to here."""
    specs = {spec.key: spec for spec in ledger.routes.all()}
    for key, number, operation in sorted(connection.execute(LOST, {"of_job": job.id}).all()):
        if number != turns.RESERVED:
            narration.note(
                "attempt",
                **narration.of_job(job),
                operation=operation,
                attempt=number,
                outcome="unknown",
                lost_worker=worker,
            )
        if key in specs:
            bucket, _, _ = quotas.lock(ledger.database, connection, specs[key])
            quotas.write(connection, bucket)
            if number == turns.RESERVED:  # no request was made of it
                turns.give_back(ledger, connection, job.id, specs[key])
    connection.execute(turns.DROP_RESERVED, {"of_job": job.id})  # of a bucket that is not ours
    connection.execute(END_LOST_ATTEMPTS, {"of_job": job.id, "finished_at": now})

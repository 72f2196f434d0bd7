"""Skipping a wait, for eager mode: what a job waits for must not be lost by not waiting."""

from sqlalchemy import select, text, update

from worker.domain.jobs import State, WaitingFor
from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import SLEEPING, jobs

# Waits that tell nothing by passing: a due time of the caller's, a pause after a refusal.
OWN = (WaitingFor.TURN, WaitingFor.BACKOFF)


@once_more
def skip(ledger: Ledger, job_id: str) -> float:
    """End a job's wait, if it is the ledger's own; the seconds that it has to wait otherwise."""
    with ledger.database.write() as connection:
        now = ledger.database.now(connection)
        skipped = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, text(SLEEPING), jobs.c.state == State.WAITING)
            .where(jobs.c.waiting_for.in_(OWN), jobs.c.bucket.is_not(None))
            .values(due_at=now, ready=True)
        ).rowcount
        due_at = connection.execute(select(jobs.c.due_at).where(jobs.c.id == job_id)).scalar()
        return 0.0 if skipped or due_at is None else max(0.0, due_at - now)

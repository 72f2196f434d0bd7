"""Taking a job back before it has had any effect."""

from worker.domain.jobs import Job
from worker.ledger import rows
from worker.ledger.conclusions import wake_order
from worker.ledger.ledger import Ledger
from worker.ledger.locking import JOB, LOCKED_JOB, LOCKED_ORDER
from worker.ledger.precedence import is_withdrawable, withdraw_row
from worker.ledger.repeating import once_more


@once_more
def withdraw(ledger: Ledger, job_id: str, actor: str, why: str) -> Job | None:
    """Withdraw a job that waits with no effect; the job as it stood before, None if unknown.

    The job is left alone in every other state: the caller sees from what it gets.
    """
    with ledger.database.write() as connection:
        row = connection.execute(JOB, {"job_id": job_id}).one_or_none()
        if row is None:
            return None
        of = {"seller": row.seller, "order_id": row.order_id}
        connection.execute(LOCKED_ORDER, of)
        job = rows.job(connection.execute(LOCKED_JOB, {"job_id": job_id}).one())
        if is_withdrawable(job):
            now = ledger.database.now(connection)
            withdraw_row(connection, job, now, actor, why)
            wake_order(connection, job, now, actor)
        return job

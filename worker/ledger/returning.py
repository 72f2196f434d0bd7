"""Jobs that a worker was to run and hands back as it leaves: any other one may have them at once.

A message that is on its way to it, or has come and was not begun, would else count as published
until its time for a repeat.
"""

from collections.abc import Collection

from worker.domain.jobs import Job
from worker.ledger import rows
from worker.ledger.ledger import Ledger
from worker.ledger.locking import JOB
from worker.ledger.repeating import once_more
from worker.ledger.rounds import UNMARK


@once_more
def hand_back(ledger: Ledger, job_ids: Collection[str]) -> None:
    """Those of the jobs that are ready may be published again, and the dispatchers hear of it."""
    with ledger.database.write() as connection:
        if connection.execute(UNMARK, {"ids": list(job_ids)}).rowcount:
            ledger.database.announce(connection)


def hand_back_one(ledger: Ledger, job_id: str) -> Job | None:
    """Hand a job back unclaimed; the job as it stands, None if there is none."""
    hand_back(ledger, [job_id])
    with ledger.database.read() as connection:
        row = connection.execute(JOB, {"job_id": job_id}).one_or_none()
    return rows.job(row) if row is not None else None

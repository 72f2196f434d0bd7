"""Whose turn it is: the ready jobs of a bucket, by rank (kind, priority, acceptance).

Taking a token is the one place where a call is let go: under the bucket's lock, on the
ledger's clock, for a job that fewer ready ones rank before than there are tokens.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, text, tuple_, update

from worker.domain import bucket as arithmetic
from worker.domain.bucket import Bucket, BucketSpec
from worker.domain.jobs import RANK, Job
from worker.ledger import quotas
from worker.ledger.ledger import Ledger
from worker.ledger.schema import READY, SLEEPING, attempts, jobs

BEFORE = (
    select(jobs.c.seq)
    .where(jobs.c.bucket == bindparam("bucket"), text(READY))
    .where(
        tuple_(jobs.c.rank, jobs.c.priority, jobs.c.seq)
        < tuple_(bindparam("rank"), bindparam("priority"), bindparam("seq"))
    )
    .limit(bindparam("most"))
)
COUNT_BEFORE = select(func.count()).select_from(BEFORE.subquery())
# Rows that somebody holds are passed over: they are about to be written by their holder.
DUE = (
    select(jobs.c.seq)
    .where(jobs.c.bucket == bindparam("of_bucket"), jobs.c.due_at <= bindparam("now"))
    .where(text(SLEEPING))
    .with_for_update(skip_locked=True, key_share=True)
)
WAKE = (
    update(jobs)
    .where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
    .values(ready=True, publish_at=0.0, publish_count=0)
)
MOST_WOKEN = 1000  # at once; the next turn or round goes on
LET_GO = insert(attempts)


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that was let go: its token is taken, its attempt is in flight since `at`."""

    attempt_id: int
    at: float
    bucket: Bucket
    probe: bool  # the one call let through a bucket that is closed until an answer is good


def take(
    ledger: Ledger, connection: Connection, job: Job, spec: BucketSpec, worker: str
) -> Turn | float:
    """Take a token for the job's step and let its call go, or say when to come again.

    The seconds are from now, as far as the bucket alone can tell; 0 stands for "it is
    somebody else's turn".
    """
    bucket, now, in_flight = quotas.lock(ledger.database, connection, spec)
    tokens = arithmetic.tokens(bucket, now, in_flight)
    if tokens:
        wake(connection, DUE, {"of_bucket": spec.key, "now": now})
    if not tokens or _ranked_before(connection, job, spec.key, tokens) >= tokens:
        quotas.write(connection, bucket)
        return 0.0 if tokens else arithmetic.next_token_at(bucket, in_flight) - now
    probe = bucket.closed_for in arithmetic.PROBED
    bucket = arithmetic.taken(bucket, now)
    quotas.write(connection, bucket)
    inserted = connection.execute(
        LET_GO,
        {
            "job_id": job.id,
            "number": job.attempt_count + 1,
            "operation": spec.operation,
            "step": job.step,
            "bucket": spec.key,
            "worker": worker,
            "claimed_at": now,
        },
    ).inserted_primary_key
    assert inserted is not None  # noqa: S101 - a single row was inserted
    return Turn(inserted[0], now, bucket, probe)


def wake(connection: Connection, due: Select[int], which: dict[str, Any]) -> None:
    """Make the sleepers that `due` selects ready.

    Two statements, the first in the sequence of its index: PostgreSQL expects half of the jobs
    to be due, since the final ones were, and else reads the whole table for each claim.
    """
    first = due.order_by(jobs.c.due_at).limit(MOST_WOKEN)
    seqs = connection.execute(first, which).scalars().all()
    if seqs:
        connection.execute(WAKE, {"seqs": seqs})


def _ranked_before(connection: Connection, job: Job, bucket: str, most: int) -> int:
    return int(
        connection.execute(
            COUNT_BEFORE,
            {
                "bucket": bucket,
                "rank": RANK[job.step],
                "priority": job.request.priority,
                "seq": job.seq,
                "most": most,
            },
        ).scalar_one()
    )

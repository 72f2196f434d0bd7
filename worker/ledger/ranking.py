"""Who ranks before a job among the ready ones of its bucket, and who has become ready.

A count goes no further than it matters, in the sequence of the index: it costs the same before
a hundred better-ranked jobs and before a hundred thousand.
"""

from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Float,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
    update,
)

from worker.domain.jobs import RANK, Job, Step
from worker.ledger.database import CLOCK
from worker.ledger.ledger import Ledger
from worker.ledger.schema import READY, SLEEPING, by, jobs

MOST_WOKEN = 1000  # at once; the next turn or round goes on
COUNTED = 100  # jobs that rank before, where it is asked before the tokens are known

IN_BUCKET = select(jobs.c.seq).where(jobs.c.bucket == bindparam("bucket"), text(READY))
OF_RANK = jobs.c.rank == bindparam("rank")
# Not as a comparison of rows: SQLite's index serves all of it but the seq, and it then reads
# every job of the same priority, those behind included.
BEFORE = union_all(
    IN_BUCKET.where(jobs.c.rank < bindparam("rank")),
    IN_BUCKET.where(OF_RANK, jobs.c.priority < bindparam("priority")),
    IN_BUCKET.where(
        OF_RANK, jobs.c.priority == bindparam("priority"), jobs.c.seq < bindparam("seq")
    ),
)
COUNT_BEFORE = select(func.count()).select_from(BEFORE.limit(bindparam("most")).subquery())
# PostgreSQL's index serves the comparison, in a sequence that no other index has: it else takes the
# limit for a reason to read the table from its beginning.
BY_RANK = tuple_(jobs.c.rank, jobs.c.priority, jobs.c.seq)
OWN_RANK = tuple_(bindparam("rank"), bindparam("priority"), bindparam("seq"))
IN_SEQUENCE = IN_BUCKET.where(BY_RANK < OWN_RANK).order_by(*BY_RANK.clauses)
FIRST = IN_SEQUENCE.limit(bindparam("most"))
COUNT_FIRST = select(func.count()).select_from(FIRST.subquery())
# With a limit that may be any, it would make a plan for each execution.
SOME = IN_SEQUENCE.limit(literal_column(str(COUNTED)))
COUNT_SOME = select(func.count()).select_from(SOME.subquery())
# Rows that somebody holds are passed over: they are about to be written by their holder.
SLEEPERS = (
    select(jobs.c.seq)
    .with_hint(*by("jobs_due"))
    .where(jobs.c.bucket == bindparam("bucket"))
    .where(text(SLEEPING))
    .order_by(jobs.c.due_at)
    .limit(MOST_WOKEN)
    .with_for_update(skip_locked=True, key_share=True)
)
DUE = SLEEPERS.where(jobs.c.due_at <= bindparam("now"))
DUE_BY_NOW = SLEEPERS.where(jobs.c.due_at <= literal_column(f"({CLOCK})", Float))
WAKE = (
    update(jobs)
    .where(jobs.c.seq.in_(bindparam("seqs", expanding=True)))
    .values(ready=True, publish_at=0.0, publish_count=0)
)


def reads(
    bucket: str | None, rank: int | None, priority: int | None, seq: int | None
) -> list[tuple[Executable, dict[str, Any]]]:
    """What `is_next` reads on PostgreSQL, in its sequence."""
    of = {"bucket": bucket, "rank": rank, "priority": priority, "seq": seq}
    return [(COUNT_SOME, of), (DUE_BY_NOW, {"bucket": bucket})]


def is_next(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    step: Step,
    bucket: str,
    now: float,
    tokens: int,
) -> bool:
    """Whether so few jobs rank before this one that a token is left for it."""
    of = {"bucket": bucket, "rank": RANK[step], "priority": job.request.priority, "seq": job.seq}
    if ledger.database.is_sqlite:
        before = connection.execute(COUNT_BEFORE, {**of, "most": tokens})
        has_woken = wake(connection, DUE, {"bucket": bucket, "now": now})
    else:  # as foreseen, in `reads`
        before = connection.execute(COUNT_SOME, of)
        has_woken = wake(connection, DUE_BY_NOW, {"bucket": bucket})
    if not has_woken and before.scalar_one() < min(tokens, COUNTED):
        return True
    # Counted anew: some have woken, one that ranked before was withdrawn since, or there are more.
    count = COUNT_BEFORE if ledger.database.is_sqlite else COUNT_FIRST
    return bool(connection.execute(count, {**of, "most": tokens}).scalar_one() < tokens)


def wake(connection: Connection, due: Select[int], which: dict[str, Any]) -> bool:
    """Make the sleepers that `due` selects ready; whether there are any.

    Two statements, `due` in the sequence of its index: PostgreSQL expects half of the jobs
    to be due, since the final ones were, and else reads the whole table for each claim.
    """
    seqs = connection.execute(due, which).scalars().all()
    if seqs:
        connection.execute(WAKE, {"seqs": seqs})
    return bool(seqs)

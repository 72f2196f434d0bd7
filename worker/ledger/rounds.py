"""Whom a dispatcher publishes on its round: who could run now, and whom to tell again.

It looks first and writes only if there is something to write, so that an idle fleet leaves
the database alone.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, func, select, text, update

from worker.domain import bucket as arithmetic
from worker.domain.bucket import Bucket
from worker.domain.jobs import Job, State
from worker.ledger import continuations, rows
from worker.ledger.chords import Chord
from worker.ledger.continuations import Message, message_of
from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import (
    IN_FLIGHT,
    PARKED,
    READY,
    RUNNING,
    SLEEPING,
    attempts,
    buckets,
    by,
    jobs,
)

LOOK_AHEAD = 256  # published jobs of a bucket, anywhere in the fleet, that a round looks past
OVERDUE = 0.02  # seconds until a look at what is due and could not be dealt with just now
LOOK_AGAIN = 60.0  # seconds until a job that could not be read is tried again
BATCH = 200  # rows of one transaction: short enough to keep nobody waiting

NEXT_TIMES = select(
    select(func.min(jobs.c.lease_until))
    .with_hint(*by("jobs_lease"))
    .where(text(RUNNING))
    .scalar_subquery(),
    select(func.min(jobs.c.deadline))
    .with_hint(*by("jobs_deadline"))
    .where(text(PARKED))
    .scalar_subquery(),
    select(func.min(jobs.c.due_at))
    .with_hint(*by("jobs_due"))
    .where(text(SLEEPING), jobs.c.bucket.is_not(None))
    .scalar_subquery(),
)
BUSY_BUCKETS = (
    select(
        buckets,
        select(func.count())
        .where(attempts.c.bucket == buckets.c.key, text(f"{attempts.name}.{IN_FLIGHT}"))
        .correlate(buckets)
        .scalar_subquery()
        .label("in_flight"),
    )
    .where(exists().where(jobs.c.bucket == buckets.c.key, text(f"{jobs.name}.{READY}")))
    .order_by(buckets.c.served_at)
)
FIRST_READY = (
    select(jobs.c.id, jobs.c.publish_at, jobs.c.publish_count, jobs.c.priority)
    .where(jobs.c.bucket == bindparam("bucket"), text(READY))
    .order_by(jobs.c.rank, jobs.c.priority, jobs.c.seq)
    .limit(bindparam("most"))
)
TO_MARK = (
    select(jobs.c.seq)
    .where(jobs.c.id == bindparam("job_id"), text(READY))
    .where(jobs.c.publish_at <= bindparam("now"))  # not by another dispatcher meanwhile
    .with_for_update(skip_locked=True, key_share=True)
)
MARK = (
    update(jobs)
    .where(jobs.c.seq.in_(TO_MARK))
    .values(publish_at=bindparam("until"), publish_count=jobs.c.publish_count + 1)
)
TO_UNMARK = (
    select(jobs.c.seq)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), text(READY))
    .with_for_update(skip_locked=True, key_share=True)
)
UNMARK = update(jobs).where(jobs.c.seq.in_(TO_UNMARK)).values(publish_at=0.0, publish_count=0)
# By itself or by a child of its pool, whose name begins with the worker's.
# Of what this version cannot read, or no worker would claim, whoever has written that it is ready:
# else it would keep its place before all that come after it.
PUT_ASIDE = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"), text(READY))
    .values(ready=False, due_at=bindparam("later"))
)
HELD_BY = select(func.count()).where(
    text(RUNNING), jobs.c.worker.startswith(bindparam("of_worker"), autoescape=False)
)
# Published, not claimed, and not yet taken for lost: it will want a slot.
ON_THE_WAY = (
    select(jobs.c.id)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), text(READY))
    .where(jobs.c.publish_at > bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Round:
    """Whom to publish now, and in how many seconds the next round finds something new."""

    messages: list[Message | Chord]
    next_in: float
    outstanding: frozenset[str]  # of what this process published before: still not claimed


def dispatch(
    ledger: Ledger, worker: str, slots: int, outstanding: Collection[str], longest: float
) -> Round:
    """Choose ready jobs to publish, least recently served bucket first, one of each in turn.

    `slots` is how many jobs the process can run at once, `outstanding` what it has published
    and not yet seen claimed, `longest` the seconds that a round may wait at most.
    """
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        held = connection.execute(HELD_BY, {"of_worker": worker}).scalar_one()
        ids = {"ids": list(outstanding), "now": now}
        waiting = connection.execute(ON_THE_WAY, ids).scalars().all() if outstanding else []
        free = slots - held - len(waiting)
        chosen, next_at = _choose(connection, now, max(0, free), ledger.policy.reserve)
        for moment in connection.execute(NEXT_TIMES).one():
            next_at = min(next_at, moment if moment is not None else math.inf)
        to_continue = continuations.due(connection, now)
    wait = min(longest, next_at - now if next_at > now else OVERDUE)
    if not chosen and not to_continue:
        return Round([], wait, frozenset(waiting))
    messages = _mark(ledger, chosen, to_continue)
    return Round(messages, 0.0 if chosen else wait, frozenset(waiting))


def _choose(
    connection: Connection, now: float, free: int, reserve: int
) -> tuple[list[tuple[str, float]], float]:
    """Jobs to publish with the seconds until each may be published again, and the next time."""
    queues: list[list[tuple[str, float]]] = []
    next_at = math.inf
    for row in connection.execute(BUSY_BUCKETS).all():
        values = row._asdict()
        in_flight = values.pop("in_flight")
        bucket = arithmetic.refilled(rows.bucket_of(values), now, in_flight)
        tokens = arithmetic.tokens(bucket, now, in_flight)
        next_at = min(next_at, arithmetic.next_token_at(bucket, in_flight))
        if not tokens:
            continue
        most = {"bucket": bucket.key, "most": min(tokens, free + LOOK_AHEAD)}
        ranked = connection.execute(FIRST_READY, most).all()
        first = [
            job
            for place, job in enumerate(ranked)
            if place < arithmetic.spendable(bucket, tokens, job.priority, reserve)
        ]
        queues.append(
            [
                (job.id, _again_in(bucket, job.publish_count))
                for job in first
                if job.publish_at <= now
            ]
        )
        next_at = min([next_at, *(job.publish_at for job in first if job.publish_at > now)])
    chosen: list[tuple[str, float]] = []
    while len(chosen) < free and any(queues):
        for queue in queues:
            if queue and len(chosen) < free:
                chosen.append(queue.pop(0))
    return chosen, next_at


def _again_in(bucket: Bucket, published: int) -> float:
    """Seconds until a message that nobody claimed is sent again."""
    first = min(1.0, max(0.05, bucket.capacity / (2 * bucket.rate)))
    return min(60.0, first * 2.0 ** min(published, 30))


@once_more
def _mark(
    ledger: Ledger, chosen: list[tuple[str, float]], to_continue: Collection[str]
) -> list[Message | Chord]:
    """Mark before sending: a message that is lost is sent again, one that is not, is not."""
    messages: list[Message | Chord] = []
    with ledger.database.write() as connection:
        now = ledger.database.now(connection)
        for job_id, again_in in chosen:
            mark = {"job_id": job_id, "now": now, "until": now + again_in}
            marked = connection.execute(MARK, mark)
            if marked.rowcount:
                found = message_of(connection, job_id)
                if found and _can_be_claimed(found[0].job, now):
                    messages += found
                else:
                    later = max(now + LOOK_AGAIN, found[0].job.due_at if found else 0.0)
                    connection.execute(PUT_ASIDE, {"of_job": job_id, "later": later})
        messages += continuations.tell_again(connection, to_continue, now)
    return messages


def _can_be_claimed(job: Job, now: float) -> bool:
    return job.state in {State.WAITING, State.IN_DOUBT} and job.due_at <= now


@once_more
def unmark(ledger: Ledger, job_ids: Collection[str]) -> None:
    """Take back the marks of messages that could not be sent."""
    with ledger.database.write() as connection:
        connection.execute(UNMARK, {"ids": list(job_ids)})

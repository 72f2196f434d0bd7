"""What is going on at this moment: how many jobs wait and for what, the oldest, who works.

Counts go no further than `MOST`: more of them would tell nobody more, and take a while.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from worker.domain.bucket import PROBED
from worker.domain.jobs import State, WaitingFor
from worker.ledger import standings
from worker.ledger.ledger import Ledger
from worker.ledger.portraits import Portrait, time
from worker.ledger.schema import READY, RUNNING, SLEEPING, attempts, by, jobs

MOST = 5_000  # rows that are counted
ATTEMPTS = 2_000  # the newest, in which workers are looked for
SEEN_SECONDS = 300.0  # how long ago a worker may have made its last request

WAITS = (
    select(jobs.c.bucket)
    .where(text(READY))
    .with_hint(*by("jobs_turn"))
    .order_by(jobs.c.bucket)
    .limit(MOST)
    .subquery()
)
BY_BUCKET = select(WAITS.c.bucket, func.count()).group_by(WAITS.c.bucket)
ASLEEP = (
    select(jobs.c.state, jobs.c.waiting_for)
    .where(text(SLEEPING))
    .with_hint(*by("jobs_due"))
    .order_by(jobs.c.due_at)  # in the index' own sequence, so that it is the index that is read
    .limit(MOST)
    .subquery()
)
BY_REASON = select(ASLEEP.c.state, ASLEEP.c.waiting_for, func.count()).group_by(
    ASLEEP.c.state, ASLEEP.c.waiting_for
)
AT_WORK = select(func.count()).where(text(RUNNING)).select_from(jobs)
IN_DOUBT = (
    select(jobs.c.seq)
    .where(jobs.c.state == State.IN_DOUBT)
    .with_hint(*by("jobs_state"))
    .limit(MOST)
)
OLDEST = (
    select(jobs.c.id, jobs.c.seller, jobs.c.order_id, jobs.c.task, jobs.c.accepted_at)
    .where(jobs.c.state == State.WAITING)
    .with_hint(*by("jobs_state"))
    .order_by(jobs.c.seq)
    .limit(1)
)
OLDEST_READY = (
    select(jobs.c.accepted_at)
    .where(jobs.c.state == State.WAITING, text(READY))
    .with_hint(*by("jobs_state"))
    .order_by(jobs.c.seq)
    .limit(1)
)
LATEST = (
    select(attempts.c.worker, attempts.c.claimed_at)
    .where(attempts.c.id > select(func.max(attempts.c.id)).scalar_subquery() - ATTEMPTS)
    .subquery()
)
WORKERS = select(LATEST.c.worker, func.max(LATEST.c.claimed_at)).group_by(LATEST.c.worker)


@dataclass(frozen=True, slots=True)
class Overview:
    """`waiting` is by what is waited for; `oldest` is the job that waits for the longest time, and
    `ready_for` the seconds since the oldest of those was accepted that wait for their turn alone.

    `workers` have made a request within `SEEN_SECONDS`: one that has nothing to do leaves no trace.
    `closed` are the buckets that no job may use, for an outage or for credentials.
    """

    now: float
    waiting: dict[str, int]
    running: int
    in_doubt: int
    oldest: Portrait | None
    ready_for: float
    workers: int
    closed: list[Portrait]


def look(ledger: Ledger) -> Overview:
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        return Overview(
            now=now,
            waiting=_waiting(connection, now),
            running=int(connection.execute(AT_WORK).scalar_one()),
            in_doubt=_count(connection),
            oldest=_oldest(connection, now),
            ready_for=_ready_for(connection, now),
            workers=_workers(connection, now),
            closed=_closed(connection, now),
        )


def _waiting(connection: Connection, now: float) -> dict[str, int]:
    awaited = standings.awaited(connection, now)
    waiting: Counter[str] = Counter()
    for bucket, count in connection.execute(BY_BUCKET).all():
        waiting[str(awaited.get(bucket, WaitingFor.TURN))] += count
    for state, reason, count in connection.execute(BY_REASON).all():
        if state == State.WAITING:
            waiting[str(reason or WaitingFor.TURN)] += count
    return dict(waiting.most_common())


def _closed(connection: Connection, now: float) -> list[Portrait]:
    return [
        {
            "seller": each.bucket.seller,
            "operation": each.bucket.operation,
            "closed_for": str(each.closed_for),
            "open_at": time(each.bucket.open_at),
        }
        for each in standings.every(connection, now)
        if each.closed_for in PROBED
    ]


def _count(connection: Connection) -> int:
    count = select(func.count()).select_from(IN_DOUBT.subquery())
    return int(connection.execute(count).scalar_one())


def _oldest(connection: Connection, now: float) -> Portrait | None:
    row = connection.execute(OLDEST).one_or_none()
    if row is None:
        return None
    return {
        "id": row.id,
        "task": row.task,
        "seller": row.seller,
        "order_id": row.order_id,
        "accepted_at": time(row.accepted_at),
        "age": max(0.0, now - row.accepted_at),
    }


def _ready_for(connection: Connection, now: float) -> float:
    accepted_at = connection.execute(OLDEST_READY).scalar()
    return 0.0 if accepted_at is None else max(0.0, now - accepted_at)


def _workers(connection: Connection, now: float) -> int:
    """Children of one worker are one: their names begin with its own."""
    found = connection.execute(WORKERS).all()
    return len({name.partition("/")[0] for name, at in found if at >= now - SEEN_SECONDS})

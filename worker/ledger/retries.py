"""Trying a failed job again, and finding those that time may have healed.

A retried job holds its key again: while a newer one does, it stays as it is. A producer takes
no lock but the key's, so the index has the last word on whose it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, or_, select, text, update
from sqlalchemy import tuple_ as pair
from sqlalchemy.exc import DBAPIError, IntegrityError

from worker.domain.choices import Circumstances
from worker.domain.jobs import Job, State, Task
from worker.domain.retries import Schedule, retried, why_not, why_not_by_itself
from worker.ledger import rows
from worker.ledger.acceptance import HOLDER
from worker.ledger.conclusions import conclude
from worker.ledger.ledger import Ledger
from worker.ledger.locking import JOB, LOCKED_JOB, LOCKED_ORDER, WRITE
from worker.ledger.refusals import LOCK_NOT_AVAILABLE
from worker.ledger.repeating import once_more
from worker.ledger.schema import FAILED, aliases, jobs

BY_SCHEDULE, BY_HAND = 20, 10  # priorities: behind the checkouts' 0, whatever the job's was
UNCOMMITTED_SECONDS = 2.0  # how long a shop's open transaction that asks for the same is waited for
PAGE = 200  # failed jobs that are read at once
SUPERSEDED = "a newer job has taken its place"

TELL_ALIASES_ANEW = (
    update(aliases)
    .where(aliases.c.job_id == bindparam("of_job"))
    .values(continued_at=None, publish_at=0.0, publish_count=0)
)


@dataclass(frozen=True, slots=True)
class Retried:
    """`job` as it stood before, None if it is unknown; `refusal` says why it was left alone."""

    job: Job | None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that failed; `superseded` by a newer one, which is the one to see to."""

    job: Job
    superseded: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that the schedule may retry, and why it does not; None if it does."""

    job_id: str
    why_not: str | None


@once_more
def retry(
    ledger: Ledger, job_id: str, *, actor: str, why: str = "", by_schedule: bool = False
) -> Retried:
    """Try a failed job again; it is left alone in every other state, and while its key is taken.

    `by_schedule` counts it among the schedule's retries of the job.
    """
    with ledger.database.write() as connection:
        row = connection.execute(JOB, {"job_id": job_id}).one_or_none()
        if row is None:
            return Retried(None, "it is not in the ledger")
        of = {"seller": row.seller, "order_id": row.order_id}
        connection.execute(LOCKED_ORDER, of)
        job = rows.job(connection.execute(LOCKED_JOB, {"job_id": job_id}).one())
        if by_schedule and connection.execute(IS_SUPERSEDED, {"job_id": job_id}).scalar():
            return Retried(job, SUPERSEDED)  # since it was found
        if refusal := why_not(job) or _take_key(ledger, connection, job):
            return Retried(job, refusal)
        now = ledger.database.now(connection)
        _begin_anew(ledger, connection, job, now, actor, why, by_schedule=by_schedule)
        ledger.database.announce(connection)
        return Retried(job)


def _take_key(ledger: Ledger, connection: Connection, job: Job) -> str | None:
    """Hold the job's key again; a sentence, if that is another's."""
    of_key = {"seller": job.seller, "key": job.request.key}
    holder = connection.execute(HOLDER, of_key).one_or_none()
    if holder is None:
        try:
            with ledger.database.impatient(connection, UNCOMMITTED_SECONDS):
                connection.execute(WRITE, {"job_id": job.id, "holds_key": True})
        except DBAPIError as error:
            if not _is_taken(error):
                raise
            holder = connection.execute(HOLDER, of_key).one_or_none()
        else:
            return None
    if holder is None:
        return "somebody is asking for the same at this moment: look again in a moment"
    return f"job {holder.id} has taken its place, and is {holder.state}: see to that one"


def _is_taken(error: DBAPIError) -> bool:
    of_lock = getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE
    return of_lock or isinstance(error, IntegrityError)


def _begin_anew(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    now: float,
    actor: str,
    why: str,
    *,
    by_schedule: bool,
) -> None:
    can_look_up = ledger.routes.can_look_up(job.request)
    decision = retried(job, why, Circumstances(now, can_look_up), ledger.policy)
    give_up_at = now + decision.due_in + ledger.policy.give_up_after[job.task]
    if by_schedule and job.expires_at is not None:  # its caller's limit is not moved by itself
        give_up_at = min(give_up_at, job.expires_at)
    in_doubt = decision.doubt_since is not None
    anew = replace(job, costs=0, give_up_at=give_up_at)
    conclude(ledger, connection, anew, decision, now=now, actor=actor)
    connection.execute(
        WRITE,
        {
            "job_id": job.id,
            "priority": max(job.request.priority, BY_SCHEDULE if by_schedule else BY_HAND),
            "give_up_at": give_up_at,
            "deadline": now + ledger.policy.doubt_limit if in_doubt else give_up_at,
            "lost_leases": 0,
            "retries": job.retries + by_schedule,
            "finished_at": None,
            "continued_at": None,
        },
    )
    connection.execute(TELL_ALIASES_ANEW, {"of_job": job.id})


def superseded() -> ColumnElement[bool]:
    """Whether a newer job has taken a job's place: of its key, or a cancel of its order."""
    newer = jobs.alias("newer")
    return exists().where(
        newer.c.seller == jobs.c.seller,
        newer.c.order_id == jobs.c.order_id,
        newer.c.seq != jobs.c.seq,
        or_(
            and_(newer.c.key == jobs.c.key, or_(newer.c.seq > jobs.c.seq, newer.c.holds_key)),
            and_(
                newer.c.seq > jobs.c.seq,
                newer.c.task == Task.CANCEL,
                newer.c.state != State.WITHDRAWN,
            ),
        ),
    )


IS_SUPERSEDED = select(superseded()).where(jobs.c.id == bindparam("job_id"))
PAGE_OF_FAILED = (
    select(jobs, superseded().label("superseded"))
    .where(text(FAILED))
    .where(pair(jobs.c.finished_at, jobs.c.seq) > pair(bindparam("at"), bindparam("seq")))
    .order_by(jobs.c.finished_at, jobs.c.seq)
    .limit(PAGE)
)


def failed(
    ledger: Ledger,
    *,
    since: float | None = None,
    task: str | None = None,
    seller: str | None = None,
) -> Iterator[Failed]:
    """The jobs that failed within `since` seconds, the earliest failure first, page by page."""
    statement = PAGE_OF_FAILED
    if task is not None:
        statement = statement.where(jobs.c.task == task)
    if seller is not None:
        statement = statement.where(jobs.c.seller == seller)
    with ledger.database.read() as connection:
        begin = 0.0 if since is None else ledger.database.now(connection) - since
    after = {"at": begin, "seq": 0}
    found: Any = None
    while found is None or len(found) == PAGE:
        with ledger.database.read() as connection:
            found = connection.execute(statement, after).all()
        for row in found:
            yield Failed(rows.job(row), row.superseded)
            after = {"at": row.finished_at, "seq": row.seq}


def due_for_retry(
    ledger: Ledger, since: float, at_most: int, limit: int, seller: str | None = None
) -> list[Candidate]:
    """The confirms that failed within `since` seconds, the earliest failure first.

    At most `limit` of them are to be retried; the others are there with the reason why not,
    as far as the search came.
    """
    schedule = Schedule(since, at_most)
    candidates: list[Candidate] = []
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
    for each in failed(ledger, since=since, task=Task.CONFIRM, seller=seller):
        if limit <= 0:
            break
        reason = _why_not_by_itself(ledger, each, schedule, now)
        candidates.append(Candidate(each.job.id, reason))
        limit -= reason is None
    return candidates


def _why_not_by_itself(ledger: Ledger, each: Failed, schedule: Schedule, now: float) -> str | None:
    if each.superseded:
        return SUPERSEDED
    if each.job.seller not in ledger.routes.sellers():  # its limit of age is not known either
        return "this process has not the keys of its seller"
    lifetime = ledger.routes.lifetime(each.job.request)
    return why_not_by_itself(each.job, schedule, now, lifetime)

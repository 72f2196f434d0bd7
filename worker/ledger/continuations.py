"""What callers hang on a job (link, errback, chain, …), fired at least once.

Celery fires it when the message of a final job has run; the time of it is kept. What has none
is told again: the job was concluded outside of its task, or its worker died in between. A
caller that asked for a job that was there already has an alias, and hangs its own things on it.
A chord that is complete is told in the same way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, select, text, union_all, update

from worker import logs
from worker.domain.jobs import Job
from worker.ledger import rows
from worker.ledger.chords import Chord, complete
from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.schema import (
    ALIAS_TO_CONTINUE,
    CHORD_TO_CONTINUE,
    TO_CONTINUE,
    aliases,
    chords,
    jobs,
)

log = logs.get("worker.ledger")

CONTINUE_AFTER = 30.0  # seconds in which the task itself fires what its caller hung on it
CONTINUE_AGAIN = 60.0  # seconds, doubling: what cannot be fired is not tried for ever as often
DOUBLINGS = 10
BATCH = 200  # messages of one round

JOB = select(jobs).where(jobs.c.id == bindparam("job_id"))
ALIAS = select(aliases).where(aliases.c.id == bindparam("alias"))
DUE = (
    union_all(
        select(jobs.c.id, jobs.c.publish_at).where(
            text(TO_CONTINUE), jobs.c.publish_at <= bindparam("now")
        ),
        select(aliases.c.id, aliases.c.publish_at)
        .join(jobs, jobs.c.id == aliases.c.job_id)
        .where(
            text(f"{aliases.name}." + ALIAS_TO_CONTINUE.replace(" AND ", f" AND {aliases.name}."))
        )
        .where(jobs.c.finished_at.is_not(None), aliases.c.publish_at <= bindparam("now")),
        select(chords.c.id, chords.c.publish_at).where(
            text(CHORD_TO_CONTINUE), chords.c.publish_at <= bindparam("now")
        ),
    )
    .order_by("publish_at")
    .limit(BATCH)
)
# Whoever holds the row, or has told already, tells: it is passed over, not waited for.
MARKS = tuple(
    update(table)
    .where(
        table.c.id.in_(
            select(table.c.id)
            .where(table.c.id == bindparam("of_id"), text(condition))
            .where(table.c.publish_at <= bindparam("now"))
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    .values(publish_at=bindparam("until"), publish_count=table.c.publish_count + 1)
    .returning(table.c.publish_count)
    for table, condition in (
        (jobs, TO_CONTINUE),
        (aliases, ALIAS_TO_CONTINUE),
        (chords, CHORD_TO_CONTINUE),
    )
)
# A job that is open again, since it was retried meanwhile, has another ending to be told.
FIRED = tuple(
    update(table)
    .where(table.c.id == bindparam("of_id"), table.c.options.is_not(None), is_final)
    .values(continued_at=bindparam("now"))
    for table, is_final in (
        (jobs, jobs.c.finished_at.is_not(None)),
        (aliases, exists().where(jobs.c.id == aliases.c.job_id, jobs.c.finished_at.is_not(None))),
    )
)
COUNTS = tuple(
    select(table.c.publish_count).where(table.c.id == bindparam("of_id"))
    for table in (jobs, aliases, chords)
)


@dataclass(frozen=True, slots=True)
class Message:
    """What a message carries: the id it goes by, its job, and what its caller hung on it."""

    id: str
    job: Job
    options: dict[str, Any] | None


def message_of(
    row: Row[Any], task_id: str | None = None, options: dict[str, Any] | None = None
) -> Message | None:
    """The message of a job's row, or of an alias of it, whose id and options are then given; none
    if the row cannot be read.
    """
    try:
        job = rows.job(row)
    except ValueError as error:  # a newer version's word, or an editor's: nobody else's trouble
        log.warning("a job cannot be read", job=row.id, error=str(error))
        return None
    return Message(task_id, job, options) if task_id else Message(row.id, job, row.options)


def message_of_id(connection: Connection, task_id: str) -> Message | None:
    """The message of a job or of an alias; none if there is no such id."""
    row = connection.execute(JOB, {"job_id": task_id}).one_or_none()
    if row is not None:
        return message_of(row)
    alias = connection.execute(ALIAS, {"alias": task_id}).one_or_none()
    row = alias and connection.execute(JOB, {"job_id": alias.job_id}).one_or_none()
    return message_of(row, task_id, alias.options) if row is not None and alias else None


def due(connection: Connection, now: float) -> list[str]:
    """The ids whose continuations are to be told again."""
    return list(connection.execute(DUE, {"now": now}).scalars().all())


def tell_again(connection: Connection, ids: Iterable[str], now: float) -> list[Message | Chord]:
    """Mark them, each a longer time than before, and give their messages."""
    messages: list[Message | Chord] = []
    for task_id in ids:
        counts = (connection.execute(each, {"of_id": task_id}).scalar() for each in COUNTS)
        told = next((count for count in counts if count is not None), 0)
        until = now + CONTINUE_AGAIN * 2.0 ** min(told, DOUBLINGS)
        mark = {"of_id": task_id, "now": now, "until": until}
        if any(connection.execute(each, mark).scalar() is not None for each in MARKS):
            found = complete(connection, task_id) or message_of_id(connection, task_id)
            messages += [found] if found else []
    return messages


@once_more
def fired(database: Database, task_id: str) -> None:
    """Celery has fired what hangs on this id's message."""
    with database.write() as connection:
        at = {"of_id": task_id, "now": database.now(connection)}
        for statement in FIRED:
            connection.execute(statement, at)

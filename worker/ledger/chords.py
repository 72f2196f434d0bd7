"""Chords: what follows a group of tasks, jobs or others, when the last of them is done.

A chord waits as rows and costs nothing meanwhile. Whoever is done takes its own row away; the
last one marks the chord complete, and from then on it is told as other continuations are until
its body was sent: at least once, whatever is flushed or dies in between.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, select, text, update

from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.schema import CHORD_TO_CONTINUE, chord_parts, chords

OF_TASK = select(chord_parts.c.chord_id).where(chord_parts.c.task_id == bindparam("task_id"))
# Of two last members that are done at once, the second must see that the first is.
LOCK = select(chords.c.id).where(chords.c.id == bindparam("chord")).with_for_update(key_share=True)
IS_KNOWN = select(
    exists().where(chords.c.id == bindparam("chord"))
    | exists().where(chord_parts.c.task_id == bindparam("task"))
)
TAKE_AWAY = delete(chord_parts).where(
    chord_parts.c.task_id == bindparam("of_task"), chord_parts.c.chord_id == bindparam("of_chord")
)
IS_WAITING = select(exists().where(chord_parts.c.chord_id == bindparam("chord")))
COMPLETE = (
    update(chords)
    .where(chords.c.id == bindparam("of_chord"), chords.c.complete_at.is_(None))
    .values(complete_at=bindparam("now"), publish_at=0.0)
)
OF_ID = select(chords).where(chords.c.id == bindparam("chord"), text(CHORD_TO_CONTINUE))
FIRED = (
    update(chords).where(chords.c.id == bindparam("of_chord")).values(continued_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Chord:
    """`header` and `body` are plain JSON, in Celery's forms of results and of a signature."""

    id: str
    header: list[Any]
    body: dict[str, Any]


@once_more
def record(database: Database, chord: Chord, members: Collection[str]) -> None:
    """Keep a chord before its members are sent; once, however often it is asked for."""
    with database.write() as connection:
        now = database.now(connection)
        values = {"id": chord.id, "header": chord.header, "body": chord.body, "at": now}
        new = database.insert(chords).on_conflict_do_nothing().returning(chords.c.id)
        waiting = {"publish_at": 0.0, "publish_count": 0}
        if connection.execute(new, values | waiting).scalar() is not None and members:
            parts = [{"task_id": each, "chord_id": chord.id} for each in set(members)]
            connection.execute(chord_parts.insert(), parts)


def is_known(database: Database, chord_id: str | None, task_id: str | None) -> bool:
    """Whether a task that says it is of a chord is of one of this ledger's."""
    with database.read() as connection:
        of = {"chord": chord_id, "task": task_id}
        return bool(connection.execute(IS_KNOWN, of).scalar())


@once_more
def part_done(database: Database, task_id: str) -> None:
    """A task has ended, however it did: no chord waits for it any more."""
    with database.glance() as connection:
        waiting = connection.execute(OF_TASK, {"task_id": task_id}).scalars().all()
    for chord_id in waiting:
        with database.write() as connection:
            connection.execute(LOCK, {"chord": chord_id})
            connection.execute(TAKE_AWAY, {"of_task": task_id, "of_chord": chord_id})
            if not connection.execute(IS_WAITING, {"chord": chord_id}).scalar():
                now = database.now(connection)
                connection.execute(COMPLETE, {"of_chord": chord_id, "now": now})
                database.announce(connection)


def complete(connection: Connection, chord_id: str) -> Chord | None:
    """A chord whose members are all done, and whose body is still to be sent."""
    row = connection.execute(OF_ID, {"chord": chord_id}).one_or_none()
    return Chord(row.id, row.header, row.body) if row else None


def find(database: Database, chord_id: str) -> Chord | None:
    """As `complete`, in a transaction of its own."""
    with database.read() as connection:
        return complete(connection, chord_id)


@once_more
def fired(database: Database, chord_id: str) -> None:
    """The body was sent, or the errbacks of a chord that cannot go on were."""
    with database.write() as connection:
        connection.execute(FIRED, {"of_chord": chord_id, "now": database.now(connection)})

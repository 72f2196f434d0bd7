"""Schedules: rows with a next time, leased by whichever dispatcher finds them due.

A lease is its own token: a sweep that comes late, after its lease went to another, does nothing.
What could not be done in its time is done once, not as often as it was missed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select, update

from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.schema import schedules

LEASE = 120.0  # seconds for a sweep's message and work: longer than a shop's query may take

OURS = schedules.c.name.in_(bindparam("names", expanding=True))
FREE = or_(schedules.c.lease_until.is_(None), schedules.c.lease_until <= bindparam("now"))
DUE = (
    select(schedules.c.name)
    .where(OURS, schedules.c.next_at <= bindparam("now"), FREE)
    .order_by(schedules.c.next_at)
    .with_for_update(skip_locked=True)
)
NEXT = select(func.min(func.coalesce(schedules.c.lease_until, schedules.c.next_at))).where(OURS)
ANY_DUE = select(func.count()).where(OURS, schedules.c.next_at <= bindparam("now"), FREE)
LOOK = select(ANY_DUE.scalar_subquery().label("due"), NEXT.scalar_subquery().label("next_at"))
CHANGED = select(schedules.c.name, schedules.c.every).where(OURS)
SET = update(schedules).where(schedules.c.name == bindparam("of_name"))
SET_HELD = SET.where(schedules.c.lease_until == bindparam("token"))


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule that was leased to be run now. `token` is the lease's, epoch seconds."""

    name: str
    token: float


@once_more
def ensure(database: Database, wanted: Mapping[str, float]) -> None:
    """Rows for these schedules (name: seconds between two runs), the first run being due now.

    Another interval counts from now on. Rows of other names stay: another worker's configuration
    may have them.
    """
    with database.read() as connection:
        names = {"names": list(wanted)}
        found = {row.name: row.every for row in connection.execute(CHANGED, names)}
    if found == dict(wanted):
        return
    with database.write() as connection:
        now = database.now(connection)
        for name, every in wanted.items():
            if name not in found:
                new = database.insert(schedules).on_conflict_do_nothing(index_elements=["name"])
                connection.execute(new, {"name": name, "every": every, "next_at": now})
            elif found[name] != every:
                sooner = {"of_name": name, "every": every, "next_at": now}
                connection.execute(SET, sooner)


def look(database: Database, names: list[str]) -> tuple[bool, float]:
    """Whether one of these schedules is due, and the seconds until the next of them is, or its
    lease ends.
    """
    with database.read() as connection:
        now = database.now(connection)
        found = connection.execute(LOOK, {"names": names, "now": now}).one()
    return bool(found.due), math.inf if found.next_at is None else found.next_at - now


@once_more
def take_due(database: Database, names: list[str]) -> list[Due]:
    """Lease what is due; nobody else is given it until the lease ends."""
    with database.write() as connection:
        now = database.now(connection)
        due = connection.execute(DUE, {"names": names, "now": now}).scalars().all()
        for name in due:
            connection.execute(SET, {"of_name": name, "lease_until": now + LEASE})
    return [Due(name, now + LEASE) for name in due]


@once_more
def give_up(database: Database, due: Due) -> None:
    """It could not be told to anybody: due again."""
    with database.write() as connection:
        values = {"of_name": due.name, "token": due.token, "lease_until": None}
        connection.execute(SET_HELD, values)


@once_more
def begin(database: Database, due: Due) -> bool:
    """Whether the lease is still held: else somebody else runs the schedule, or has run it.

    The lease is moved on by the least there is, so that a message that comes twice runs once.
    """
    with database.write() as connection:
        if database.now(connection) >= due.token:
            return False
        moved = {"of_name": due.name, "token": due.token, "lease_until": running(due).token}
        return bool(connection.execute(SET_HELD, moved).rowcount)


def running(due: Due) -> Due:
    """The lease of a run that has begun."""
    return Due(due.name, due.token + 1.0)


@once_more
def finish(database: Database, due: Due) -> None:
    """A run that `begin` began is over: the next one comes an interval after this was due."""
    with database.write() as connection:
        now = database.now(connection)
        of = select(schedules).where(schedules.c.name == due.name)
        row = connection.execute(of).one()
        missed = max(0.0, now - row.next_at) // row.every
        values = {
            "of_name": due.name,
            "token": running(due).token,
            "lease_until": None,
            "last_at": now,
            "next_at": row.next_at + (missed + 1.0) * row.every,
        }
        connection.execute(SET_HELD, values)

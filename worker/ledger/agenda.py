"""What a dispatcher has to see to besides publishing, and when: one statement a round.

Each of these has an index that begins with its time, so that the look costs the same however
many jobs there are, and nothing more is asked of an idle ledger. What has no time of its own, an
edited row or a clock that was set back, is looked for once a second, in the same statement.
"""

import math
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, or_, select, text

from worker.domain.jobs import LONGEST_LEASE
from worker.ledger import jumps, recovery, routing
from worker.ledger.schema import (
    ALIAS_TO_CONTINUE,
    CHORD_TO_CONTINUE,
    PARKED,
    READY,
    RUNNING,
    SLEEPING,
    TO_CONTINUE,
    UNROUTED,
    aliases,
    by,
    chords,
    jobs,
)

LOOK = select(
    select(func.min(jobs.c.lease_until))
    .with_hint(*by("jobs_lease"))
    .where(text(RUNNING))
    .scalar_subquery()
    .label("lease_ends_at"),
    select(func.min(jobs.c.deadline))
    .with_hint(*by("jobs_deadline"))
    .where(text(PARKED))
    .scalar_subquery()
    .label("deadline_at"),
    select(func.min(jobs.c.due_at))
    .with_hint(*by("jobs_due"))
    .where(text(SLEEPING), jobs.c.bucket.is_not(None))
    .scalar_subquery()
    .label("wakes_at"),
    select(func.min(jobs.c.publish_at))
    .with_hint(*by("jobs_continue"))
    .where(text(TO_CONTINUE))
    .scalar_subquery()
    .label("job_continues_at"),
    select(func.min(aliases.c.publish_at))
    .join(jobs, jobs.c.id == aliases.c.job_id)
    .where(text(f"{aliases.name}." + ALIAS_TO_CONTINUE.replace(" AND ", f" AND {aliases.name}.")))
    .where(jobs.c.finished_at.is_not(None))
    .scalar_subquery()
    .label("alias_continues_at"),
    select(func.min(chords.c.publish_at))
    .where(text(CHORD_TO_CONTINUE))
    .scalar_subquery()
    .label("chord_continues_at"),
    exists(select(jobs.c.seq).with_hint(*by("jobs_unrouted")).where(text(UNROUTED))).label(
        "is_unrouted"
    ),
    exists(select(jobs.c.seq).with_hint(*by("jobs_turn")).where(text(READY))).label("is_ready"),
)

LOOK_AT_ALL = LOOK.add_columns(
    exists(recovery.ODD_LEASES).label("has_odd_leases"),
    or_(exists(routing.ASTRAY), exists().where(jumps.IS_AHEAD)).label("has_strays"),
)
EVERY = 1.0  # seconds between two looks at all


@dataclass(frozen=True, slots=True)
class Agenda:
    """Epoch seconds on the ledger's clock; infinity for what is not to come."""

    now: float
    lease_ends_at: float  # the first of the leases to end
    deadline_at: float  # the first time of a parked job to run out
    wakes_at: float  # when the first sleeper is due
    continues_at: float  # when a continuation is told again
    is_unrouted: bool  # there are jobs that stand in no bucket
    is_ready: bool  # there are jobs that wait for nothing but their turn
    looked_at: float  # when all was looked at
    has_odd_leases: bool
    has_strays: bool  # rows that are where nobody of ours has put them

    @property
    def is_overdue(self) -> bool:
        """Whether a lease or a deadline has ended."""
        return self.has_odd_leases or min(self.lease_ends_at, self.deadline_at) <= self.now

    @property
    def has_sleepers_to_wake(self) -> bool:
        return self.is_unrouted or self.wakes_at <= self.now

    @property
    def next_at(self) -> float:
        """The first of these times; it may have passed."""
        return min(self.lease_ends_at, self.deadline_at, self.wakes_at, self.continues_at)


def look(connection: Connection, now: float, looked_at: float) -> Agenda:
    """What there is to do at `now`; at all of it, if that was last done a second ago or more."""
    if looked_at <= now < looked_at + EVERY:
        row = connection.execute(LOOK).one()
        has_odd_leases = has_strays = False
    else:
        looked_at = now
        row = connection.execute(LOOK_AT_ALL, {"now": now, "far": now + LONGEST_LEASE}).one()
        has_odd_leases, has_strays = row.has_odd_leases, row.has_strays
    told_again = (row.job_continues_at, row.alias_continues_at, row.chord_continues_at)
    return Agenda(
        now=now,
        lease_ends_at=_or_never(row.lease_ends_at),
        deadline_at=_or_never(row.deadline_at),
        wakes_at=_or_never(row.wakes_at),
        continues_at=min(map(_or_never, told_again)),
        is_unrouted=bool(row.is_unrouted),
        is_ready=bool(row.is_ready),
        looked_at=looked_at,
        has_odd_leases=bool(has_odd_leases),
        has_strays=bool(has_strays),
    )


def _or_never(moment: float | None) -> float:
    return math.inf if moment is None else moment

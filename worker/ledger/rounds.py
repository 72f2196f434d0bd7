"""What a dispatcher publishes on its round: jobs that could run now, and what is to be told again.

It looks first and writes only if there is something to write, so that an idle fleet leaves
the database alone; and it asks for no job while no slot is free.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, text, update

from worker.domain.jobs import Job, State
from worker.ledger import agenda, continuations
from worker.ledger.agenda import Agenda
from worker.ledger.choosing import Chosen, Slots, choose
from worker.ledger.chords import Chord
from worker.ledger.continuations import Message, message_of
from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import READY, RUNNING, jobs

OVERDUE = 0.02  # seconds until a look at what is due and could not be dealt with just now
LOOK_AGAIN = 60.0  # seconds until a job that could not be read is tried again
# Seconds by which a row may be ahead of a round: whoever made it ready did so while the round was
# at it, and when it is claimed its time has come.
AHEAD = 1.0

TO_MARK = (
    select(jobs.c.seq)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), text(READY))
    .where(jobs.c.publish_at <= bindparam("now"))  # not by another dispatcher meanwhile
    .with_for_update(skip_locked=True, key_share=True)
)
MARK = (
    update(jobs)
    .where(jobs.c.seq.in_(TO_MARK))
    .values(publish_at=bindparam("until"), publish_count=jobs.c.publish_count + 1)
    .returning(jobs)
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
HELD_BY = (
    select(jobs.c.seller, func.count().label("number"))
    .where(text(RUNNING), jobs.c.worker.startswith(bindparam("of_worker"), autoescape=False))
    .group_by(jobs.c.seller)
)
# Published, not claimed, and not yet taken for lost: it will want a slot.
ON_THE_WAY = (
    select(jobs.c.id, jobs.c.seller, jobs.c.publish_at)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), text(READY))
    .where(jobs.c.publish_at > bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Round:
    """Whom to publish now, and in how many seconds the next round finds something new, if nobody
    writes before: a token that others see, too, if `for_token`. `agenda` is what else is to do.
    """

    messages: list[Message | Chord]
    next_in: float
    for_token: bool
    outstanding: frozenset[str]  # of what this process published before: still not claimed
    agenda: Agenda


def dispatch(
    ledger: Ledger,
    worker: str,
    slots: int,
    outstanding: Collection[str],
    longest: float,
    looked_at: float = -math.inf,
) -> Round:
    """Choose ready jobs to publish, least recently served bucket first, one of each in turn.

    `slots` is how many jobs the process can run at once, `outstanding` what it has published
    and not yet seen claimed, `longest` the seconds that a round may wait at most; `looked_at` is
    of the agenda of an earlier round.
    """
    waiting: frozenset[str] = frozenset()
    token_at = math.inf
    chosen: list[Chosen] = []
    to_continue: list[str] = []
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        found = agenda.look(connection, now, looked_at)
        next_at = found.next_at
        if found.is_ready:
            on_the_way = _on_the_way(connection, outstanding, now)
            waiting = frozenset(row.id for row in on_the_way)
            next_at = min([next_at, *(row.publish_at for row in on_the_way)])
            taken = Counter(row.seller for row in on_the_way)
            for row in connection.execute(HELD_BY, {"of_worker": worker}):
                taken[row.seller] += row.number
            free = slots - taken.total()
            if free > 0:
                one_seller = len(ledger.routes.sellers()) == 1
                places = Slots(slots, free, taken, has_one_seller=one_seller)
                chosen, token_at = choose(connection, now, places, ledger.policy.reserve)
                next_at = min([next_at, token_at, *(now + each.again_in for each in chosen)])
        if found.continues_at <= now:
            to_continue = continuations.due(connection, now)
    messages = _mark(ledger, chosen, to_continue) if chosen or to_continue else []
    wait = min(longest, next_at - now if next_at > now else OVERDUE)
    is_missing_some = len(messages) < len(chosen)  # another dispatcher has them
    if is_missing_some:
        return Round(messages, 0.0, True, waiting, found)
    return Round(messages, wait, token_at <= now + wait, waiting, found)


def _on_the_way(connection: Connection, outstanding: Collection[str], now: float) -> Sequence[Any]:
    ids = {"ids": list(outstanding), "now": now}
    return connection.execute(ON_THE_WAY, ids).all() if outstanding else ()


@once_more
def _mark(
    ledger: Ledger, chosen: list[Chosen], to_continue: Collection[str]
) -> list[Message | Chord]:
    """Mark before sending: a message that is lost is sent again, one that is not, is not."""
    marked: dict[str, Row[Any]] = {}
    with ledger.database.write() as connection:
        now = ledger.database.now(connection)
        for again_in, alike in groupby(sorted(chosen, key=_again_in), _again_in):
            mark = {"ids": [each.id for each in alike], "now": now, "until": now + again_in}
            marked |= {row.id: row for row in connection.execute(MARK, mark)}
        messages: list[Message | Chord] = []
        for row in (marked[each.id] for each in chosen if each.id in marked):
            message = message_of(row)
            if message and _can_be_claimed(message.job, now):
                messages.append(message)
            else:
                due_at = message.job.due_at if message else 0.0
                later = due_at if due_at > now + AHEAD else now + LOOK_AGAIN
                connection.execute(PUT_ASIDE, {"of_job": row.id, "later": later})
        messages += continuations.tell_again(connection, to_continue, now)
    return messages


def _again_in(chosen: Chosen) -> float:
    return chosen.again_in


def _can_be_claimed(job: Job, now: float) -> bool:
    return job.state in {State.WAITING, State.IN_DOUBT} and job.due_at <= now + AHEAD


@once_more
def unmark(ledger: Ledger, job_ids: Collection[str]) -> None:
    """Take back the marks of messages that could not be sent."""
    with ledger.database.write() as connection:
        connection.execute(UNMARK, {"ids": list(job_ids)})

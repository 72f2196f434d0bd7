"""Which ready jobs a process publishes next: by turns of their buckets, the best of each first.

A round asks as many buckets as it has free slots, one job of each; only where there are fewer
it asks for more of each. All that it asks at once is one statement.

No seller may have all slots of a process: one whose provider hangs would hold the others up with
it. It has half of them while others could use the rest, and never the last quarter; the only
seller that there is has them all.
"""

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Row,
    Subquery,
    bindparam,
    func,
    select,
    text,
    union_all,
)

from worker.domain.bucket import Bucket, spendable
from worker.ledger.openings import Openings, next_opening
from worker.ledger.schema import READY, jobs

LOOK_AHEAD = 256  # published jobs of a bucket, anywhere in the fleet, that a round looks past
AT_ONCE = 32  # buckets of one statement
RANKED = ("bucket", "id", "publish_at", "publish_count", "priority")

Opening = tuple[Bucket, int]  # and its tokens


@dataclass(frozen=True, slots=True)
class Chosen:
    """A job to publish, and the seconds until it may be published again."""

    id: str
    seller: str
    again_in: float


@dataclass(slots=True)
class Slots:
    """The slots of a process: how many are free, and how many each seller has taken."""

    all: int
    free: int
    taken: Counter[str]
    has_one_seller: bool

    @property
    def half(self) -> int:
        return self.all if self.has_one_seller else max(1, self.all // 2)

    @property
    def most(self) -> int:
        """Of one seller, though nobody else is ready."""
        return self.all if self.has_one_seller else self.all - self.all // 4

    def take(self, queues: Sequence[list[Chosen]], most: int) -> list[Chosen]:
        """One of each queue in turn, `most` of one seller, until no slot is free."""
        chosen: list[Chosen] = []
        left = [queue for queue in queues if queue]
        while self.free and left:
            for queue in left:
                if self.free and queue and self.taken[queue[0].seller] < most:
                    chosen.append(queue.pop(0))
                    self.taken[chosen[-1].seller] += 1
                    self.free -= 1
            left = [queue for queue in left if queue and self.taken[queue[0].seller] < most]
        return chosen


def choose(
    connection: Connection, now: float, slots: Slots, reserve: int
) -> tuple[list[Chosen], float]:
    """Jobs for the free slots, and when there may be one for a slot that is left free. `reserve`
    tokens of each bucket are kept for the first priority.
    """
    openings = Openings(connection, now, slots.free)
    service, wanted = iter(openings), slots.free
    asked: list[Opening] = []
    passed: list[Opening] = []  # of sellers that have their half
    queues: list[list[Chosen]] = []
    planned = Counter(slots.taken)
    batch: list[Opening] = []
    while len(queues) < wanted:
        batch = _with_room(service, wanted - len(queues), planned, slots.half, passed)
        is_full = len(queues) + len(batch) == wanted
        found = _first(connection, now, reserve, batch, 1 if is_full else wanted)
        queues += [queue for queue in found if queue]
        for (bucket, _), queue in zip(batch, found, strict=True):
            planned[bucket.seller] -= not queue
        asked += batch
        if not is_full:
            break
    else:
        return slots.take(queues, slots.half), math.inf
    if len(batch) < len(asked):  # of those before the last only one job is known
        queues = _first(connection, now, reserve, asked, wanted)
    chosen = slots.take(queues, slots.half)
    if slots.free:
        chosen += slots.take(
            [*queues, *_first(connection, now, reserve, passed, wanted)], slots.most
        )
    times = (openings.next_token_at, next_opening(connection, now))
    return chosen, min(*times, _next_told(connection, now, [*asked, *passed], wanted))


def _with_room(
    service: Iterator[Opening],
    wanted: int,
    planned: Counter[str],
    half: int,
    passed: list[Opening],
) -> list[Opening]:
    """The next buckets whose seller has not its half yet, as `planned` has it."""
    batch: list[Opening] = []
    while len(batch) < wanted and (opening := next(service, None)):
        seller = opening[0].seller
        if planned[seller] < half:
            planned[seller] += 1
            batch.append(opening)
        else:
            passed.append(opening)
    return batch


def _first(
    connection: Connection, now: float, reserve: int, openings: Sequence[Opening], each: int
) -> list[list[Chosen]]:
    """Of each bucket the first jobs that nobody has published, `each` at most."""
    queues: dict[str, list[Chosen]] = {bucket.key: [] for bucket, _ in openings}
    known = {bucket.key: bucket for bucket, _ in openings}
    tokens = dict(zip(known, (tokens for _, tokens in openings), strict=True))
    for row in _of_each(connection, _first_of, openings, each, now=now, each=each):
        bucket = known[row.bucket]
        if row.place > spendable(bucket, tokens[bucket.key], row.priority, reserve):
            continue
        job = Chosen(row.id, bucket.seller, _again_in(bucket, row.publish_count))
        queues[row.bucket].append(job)
    return list(queues.values())


def _next_told(connection: Connection, now: float, openings: Sequence[Opening], free: int) -> float:
    """When the first of the messages that are on their way is taken for lost."""
    found = _of_each(connection, _next_told_of, openings, free, now=now)
    return min((row.at for row in found if row.at is not None), default=math.inf)


def _of_each(
    connection: Connection,
    build: Callable[[int], CompoundSelect[Any]],
    openings: Sequence[Opening],
    free: int,
    **words: float,
) -> Iterator[Row[Any]]:
    for begun in range(0, len(openings), AT_ONCE):
        some = openings[begun : begun + AT_ONCE]
        of_each: dict[str, Any] = dict(words)
        for number, (bucket, tokens) in enumerate(some):
            of_each[f"bucket_{number}"] = bucket.key
            of_each[f"most_{number}"] = min(tokens, free + LOOK_AHEAD)
        yield from connection.execute(build(len(some)), of_each)


@functools.cache
def _first_of(count: int) -> CompoundSelect[Any]:
    """Of so many buckets, in the sequence of their parts: both databases read no further in a
    part than it takes, and keep its order.
    """
    parts = []
    for number in range(count):
        ranked = _ranked(number)
        untold = select(ranked).where(ranked.c.publish_at <= bindparam("now"))
        parts.append(select(untold.limit(bindparam("each")).subquery()))
    return union_all(*parts)


@functools.cache
def _next_told_of(count: int) -> CompoundSelect[Any]:
    parts = []
    for number in range(count):
        ranked = _ranked(number)
        told = ranked.c.publish_at > bindparam("now")
        parts.append(select(func.min(ranked.c.publish_at).label("at")).where(told))
    return union_all(*parts)


def _ranked(number: int) -> Subquery:
    """The jobs of a bucket that may take one of its tokens, the best first."""
    best = (
        select(jobs.c.rank, jobs.c.seq, *(jobs.c[name] for name in RANKED))
        .where(jobs.c.bucket == bindparam(f"bucket_{number}"), text(READY))
        .order_by(jobs.c.rank, jobs.c.priority, jobs.c.seq)
        .limit(bindparam(f"most_{number}"))
        .subquery()
    )
    place = func.row_number().over(order_by=(best.c.rank, best.c.priority, best.c.seq))
    return select(*(best.c[name] for name in RANKED), place.label("place")).subquery()


def _again_in(bucket: Bucket, published: int) -> float:
    """Seconds until a message that nobody claimed is sent again."""
    first = min(1.0, max(0.05, bucket.capacity / (2 * bucket.rate)))
    return min(60.0, first * 2.0 ** min(published, 30))

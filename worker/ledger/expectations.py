"""How many ready jobs rank before one, in some milliseconds however many there are.

As far as `COUNTED` they are counted, by the index. Beyond that, in each group of one rank and
priority, `STRATA` stretches of the numbers of acceptance are looked into, and the first `DEPTH`
ready jobs of each tell how dense it is: exact where a group stands together, as after a bulk
enqueue, and to within a few per cent where others' jobs are mixed in. Counting all of 100 000 took
61 ms on PostgreSQL.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    text,
    union_all,
)

from worker.domain import bucket as arithmetic
from worker.domain.expectation import Queue
from worker.ledger.ranking import COUNT_BEFORE
from worker.ledger.schema import READY, jobs
from worker.ledger.standings import Standing

COUNTED = 2000  # jobs: at a token a second, half an hour
STRATA = 24
DEPTH = 64

IN_BUCKET = (jobs.c.bucket == bindparam("bucket"), text(READY))
IN_GROUP = (
    *IN_BUCKET,
    jobs.c.rank == bindparam("rank"),
    jobs.c.priority == bindparam("priority"),
)
BETWEEN = (
    select(jobs.c.seq)
    .where(*IN_GROUP, jobs.c.seq >= bindparam("first"), jobs.c.seq < bindparam("seq"))
    .order_by(jobs.c.seq)
    .limit(COUNTED)
)
# By the sequence of the index of ready jobs, which no other index of PostgreSQL's has.
OF_GROUP = select(jobs.c.rank, jobs.c.priority, jobs.c.seq)
IN_SEQUENCE = (jobs.c.rank, jobs.c.priority, jobs.c.seq)
NEXT_PRIORITY = (
    OF_GROUP.where(
        *IN_BUCKET, jobs.c.rank == bindparam("rank"), jobs.c.priority >= bindparam("priority")
    )
    .order_by(*IN_SEQUENCE)
    .limit(1)
)
NEXT_RANK = (
    OF_GROUP.where(*IN_BUCKET, jobs.c.rank >= bindparam("rank")).order_by(*IN_SEQUENCE).limit(1)
)
LAST = (
    OF_GROUP.where(
        *IN_BUCKET, jobs.c.rank == bindparam("rank"), jobs.c.priority <= bindparam("priority")
    )
    .order_by(*(column.desc() for column in IN_SEQUENCE))
    .limit(1)
)
LEAST = -(2**31)  # of an INTEGER of PostgreSQL


def _stretch(number: int) -> Select[int, int, int]:
    seqs = (
        select(jobs.c.seq)
        .where(
            *IN_GROUP,
            jobs.c.seq >= bindparam(f"from_{number}"),
            jobs.c.seq < bindparam(f"to_{number}"),
        )
        .order_by(jobs.c.seq)
        .limit(DEPTH)
        .subquery()
    )
    place = literal_column(str(number), Integer)
    return select(
        place.label("number"), func.count().label("found"), func.max(seqs.c.seq).label("last")
    )


STRETCHES = union_all(*map(_stretch, range(STRATA)))


def queues(
    connection: Connection, found: Iterable[Row[Any]], buckets: Mapping[str, Standing], reserve: int
) -> dict[str, Queue]:
    """What stands before each of these rows of `jobs`, by its id; of those in a bucket's row."""
    waiting = [row for row in found if row.bucket in buckets and row.finished_at is None]
    waiting.sort(key=lambda row: (row.bucket, row.rank, row.priority, row.seq))
    told: dict[str, Queue] = {}
    for (key, _, priority), group in groupby(waiting, lambda r: (r.bucket, r.rank, r.priority)):
        standing = buckets[key]
        whole = reserve + 1
        kept = whole - arithmetic.spendable(standing.bucket, whole, priority, reserve)
        kept = kept if priority > 0 else 0
        for row, ahead, about in _ahead_of_each(connection, group):
            told[row.id] = Queue(standing.bucket, standing.now, ahead, about, kept)
    return told


def _ahead_of_each(
    connection: Connection, group: Iterable[Row[Any]]
) -> Iterator[tuple[Row[Any], int, bool]]:
    """Of one bucket, rank and priority, in the sequence of acceptance: counted from the first of
    them on, as far as that one page of numbers goes, and from there on anew.
    """
    rows = list(group)
    while rows:
        first = rows[0]
        ahead, about = _ahead(connection, first)
        behind = {**_place(rows[-1]), "first": first.seq}
        between = connection.execute(BETWEEN, behind).scalars().all() if rows[1:] else []
        known = rows[-1].seq if len(between) < COUNTED else between[-1]
        counted = [row for row in rows if row is first or row.seq <= known]
        for row in counted:
            yield row, ahead + bisect_left(between, row.seq), about
        rows = rows[len(counted) :]


def _ahead(connection: Connection, row: Row[Any]) -> tuple[int, bool]:
    place = _place(row)
    counted = connection.execute(COUNT_BEFORE, {**place, "most": COUNTED}).scalar_one()
    return (counted, False) if counted < COUNTED else (_estimated(connection, place), True)


def _place(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("bucket", "rank", "priority", "seq")}


def _estimated(connection: Connection, place: Mapping[str, Any]) -> int:
    total = 0.0
    until = (place["rank"], place["priority"])
    for first in _groups(connection, place):
        group = {"bucket": place["bucket"], "rank": first.rank, "priority": first.priority}
        if (first.rank, first.priority) == until:
            end = place["seq"]
        else:
            end = connection.execute(LAST, group).one().seq + 1
        total += _in_stretches(connection, group, first.seq, max(end, first.seq))
    return round(total)


def _groups(connection: Connection, place: Mapping[str, Any]) -> Iterator[Row[Any, Any, Any]]:
    """The first ready job of each rank and priority, up to those of a job."""
    until = (place["rank"], place["priority"])
    bucket = {"bucket": place["bucket"]}
    first = connection.execute(NEXT_RANK, {**bucket, "rank": LEAST}).one_or_none()
    while first is not None and (first.rank, first.priority) <= until:
        yield first
        if (first.rank, first.priority) == until:
            return
        lower = {**bucket, "rank": first.rank, "priority": first.priority + 1}
        rank = {**bucket, "rank": first.rank + 1}
        first = (
            connection.execute(NEXT_PRIORITY, lower).one_or_none()
            or connection.execute(NEXT_RANK, rank).one_or_none()
        )


def _in_stretches(connection: Connection, group: Mapping[str, Any], first: int, end: int) -> float:
    """About how many of a group have a number from `first` on, before `end`."""
    bounds = [first + (end - first) * number // STRATA for number in range(STRATA + 1)]
    places = {f"from_{n}": bounds[n] for n in range(STRATA)}
    places |= {f"to_{n}": bounds[n + 1] for n in range(STRATA)}
    total = 0.0
    for row in connection.execute(STRETCHES, {**group, **places}):
        begin, to = bounds[row.number], bounds[row.number + 1]
        full = row.found == DEPTH
        total += row.found * (to - begin) / (row.last - begin + 1) if full else row.found
    return total

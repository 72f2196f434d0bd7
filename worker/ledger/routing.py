"""Which bucket a job waits in, and waking it when it is due.

A producer without a seller's keys cannot say, keys change, and rows are edited by hand: what
stands in no bucket that has a row is routed anew by whichever worker has the seller.
"""

from typing import Any

from sqlalchemy import bindparam, func, select, text, update

from worker.domain.jobs import Step
from worker.ledger import jumps, quotas, ranking, rows
from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import PARKED, READY, SLEEPING, UNROUTED, buckets, by, jobs

BATCH = 200  # jobs of one round: the others have theirs a moment later

# Of our sellers alone: what only another process can route stands in nobody's way.
UNROUTED_JOBS = (
    select(jobs)
    .where(text(UNROUTED), jobs.c.seller.in_(bindparam("sellers", expanding=True)))
    .order_by(jobs.c.seq)
    .limit(BATCH)
)
ROUTE = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"), text(UNROUTED))
    .values(bucket=bindparam("to_bucket"), ready=jobs.c.due_at <= bindparam("now"))
)
ELSEWHERE = (
    select(jobs.c.seq)
    .where(text(PARKED), jobs.c.seller.in_(bindparam("sellers", expanding=True)))
    .where(jobs.c.bucket.not_in(bindparam("keys", expanding=True)))
    .order_by(jobs.c.seq)
)
UNROUTE = update(jobs).values(bucket=None, ready=False)
UNROUTE_EACH = UNROUTE.where(
    jobs.c.seq.in_(ELSEWHERE.with_for_update(skip_locked=True, key_share=True))
)
UNROUTE_ONE = UNROUTE.where(
    jobs.c.seq == bindparam("of_seq"),
    jobs.c.bucket.not_in(bindparam("keys", expanding=True)),
    text(PARKED),
)
# Whoever holds a row's lock is about to write it anyway: it is passed over, not waited for.
DUE = (
    select(jobs.c.seq)
    .with_hint(*by("jobs_due"))
    .where(text(SLEEPING), jobs.c.due_at <= bindparam("now"), jobs.c.bucket.is_not(None))
    .order_by(jobs.c.due_at)
    .limit(ranking.MOST_WOKEN)
    .with_for_update(skip_locked=True, key_share=True)
)
SOON = (
    select(func.min(jobs.c.due_at))
    .with_hint(*by("jobs_due"))
    .where(text(SLEEPING), jobs.c.bucket.is_not(None))
)
# The buckets in which jobs are ready, one step of the index each, however many jobs there are.
FIRST_BUCKET = select(func.min(jobs.c.bucket).label("key")).where(text(READY))
IN_USE = FIRST_BUCKET.cte("in_use", recursive=True)
IN_USE = IN_USE.union_all(
    select(
        select(func.min(jobs.c.bucket))
        .where(text(READY), jobs.c.bucket > IN_USE.c.key)
        .scalar_subquery()
    ).where(IN_USE.c.key.is_not(None))
)
ASTRAY = select(IN_USE.c.key).where(
    IN_USE.c.key.is_not(None), IN_USE.c.key.not_in(select(buckets.c.key))
)
UNROUTE_BUCKET = UNROUTE.where(
    jobs.c.seq.in_(
        select(jobs.c.seq)
        .where(jobs.c.bucket == bindparam("of_bucket"), text(READY))
        .with_for_update(skip_locked=True, key_share=True)
    )
)


@once_more
def wake_sleepers(ledger: Ledger) -> bool:
    """Make ready what is due, and route what its producer could not; whether there was any."""
    done = False
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        due = connection.execute(SOON).scalar()
        unrouted = connection.execute(UNROUTED_JOBS, _sellers(ledger)).all()
    if due is not None and due <= now:
        with ledger.database.write() as connection:
            done = ranking.wake(connection, DUE, {"now": now})
    for row in unrouted:
        try:
            spec = ledger.routes.bucket(rows.request(row), Step(row.step).turn)
        except ValueError:  # a newer version's word: that one's to route
            continue
        if spec is not None:
            with ledger.database.write() as connection:  # if it is still so: nothing was locked
                routed = {"of_job": row.id, "now": now, "to_bucket": spec.key}
                done |= bool(connection.execute(ROUTE, routed).rowcount)
    return done


@once_more
def prepare(ledger: Ledger) -> None:
    """Once per worker: rows for all buckets, and jobs moved to the buckets of today's keys."""
    specs = ledger.routes.all()
    with ledger.database.write() as connection:
        quotas.ensure(ledger.database, connection, specs)
    keys: dict[str, Any] = {"keys": [spec.key for spec in specs]}
    with ledger.database.write() as connection:
        connection.execute(UNROUTE_EACH, {**keys, **_sellers(ledger)})
    with ledger.database.read() as connection:
        held_by_others = connection.execute(ELSEWHERE, {**keys, **_sellers(ledger)}).scalars().all()
    for seq in held_by_others:  # one lock at a time is in nobody's sequence
        with ledger.database.write() as connection:
            connection.execute(UNROUTE_ONE, {**keys, "of_seq": seq})
    quotas.half_open(ledger)


@once_more
def find_strays(ledger: Ledger) -> None:
    """Give a row back to a bucket of ours that has lost it, and route anew what stands in others.

    The dispatcher looks at the rows of buckets: without one, ready jobs would not be seen.
    """
    jumps.follow(ledger)
    with ledger.database.read() as connection:
        astray = connection.execute(ASTRAY).scalars().all()
    if not astray:
        return
    ours = {spec.key: spec for spec in ledger.routes.all()}
    with ledger.database.write() as connection:
        for key in astray:
            if key in ours:
                quotas.ensure(ledger.database, connection, [ours[key]])
            else:
                connection.execute(UNROUTE_BUCKET, {"of_bucket": key})


def _sellers(ledger: Ledger) -> dict[str, list[str]]:
    return {"sellers": sorted(ledger.routes.sellers())}

"""The ledger's clock was set back: what stands in its future is taken along.

A bucket would stand still until the clock is there again, a lost worker would hold its job for so
long, and a message would be taken to be on its way. Nothing is credited. What is parked until a
time waits for it: nobody can tell an hour that was asked for from an hour too many.
"""

from sqlalchemy import bindparam, case, exists, or_, select, text, update

from worker.ledger.ledger import Ledger
from worker.ledger.repeating import once_more
from worker.ledger.schema import READY, RUNNING, buckets, jobs

WAVERING = 60.0  # seconds: a clock that goes back by more was set
LONGEST_REPEAT = 60.0  # seconds until a message that nobody claims is sent again, at most

IS_AHEAD = buckets.c.level_at - WAVERING > bindparam("now")
AHEAD = select(exists().where(IS_AHEAD))
LOCK_AHEAD = select(buckets.c.key).where(IS_AHEAD).order_by(buckets.c.key).with_for_update()
SET_BACK = (
    update(buckets)
    .where(IS_AHEAD)
    .values(
        level_at=bindparam("now"),
        open_at=case(
            (buckets.c.open_at > bindparam("now"), bindparam("now")), else_=buckets.c.open_at
        ),
        closed_at=0.0,
    )
)
# Whoever has a row's lock is about to write it anyway.
HELD_FOR_TOO_LONG = (
    select(jobs.c.seq)
    .where(text(RUNNING), jobs.c.lease_until > bindparam("longest"))
    .with_for_update(skip_locked=True, key_share=True)
)
TOLD_FOR_TOO_LONG = (
    select(jobs.c.seq)
    .where(text(READY))
    .where(or_(jobs.c.publish_at > bindparam("longest"), jobs.c.due_at > bindparam("now")))
    .with_for_update(skip_locked=True, key_share=True)
)
END_LEASES = (
    update(jobs).where(jobs.c.seq.in_(HELD_FOR_TOO_LONG)).values(lease_until=bindparam("until"))
)
# Who is ready is due: he could not be claimed, and would stand before all others.
TELL_AGAIN = (
    update(jobs)
    .where(jobs.c.seq.in_(TOLD_FOR_TOO_LONG))
    .values(publish_at=0.0, due_at=bindparam("now"))
)


@once_more
def follow(ledger: Ledger) -> None:
    """Take along what is ahead of the clock, if it was set back."""
    with ledger.database.read() as connection:
        now = ledger.database.now(connection)
        ahead = connection.execute(AHEAD, {"now": now}).scalar()
    if ahead:
        lease = ledger.policy.lease
        with ledger.database.write() as connection:
            now = ledger.database.now(connection)
            too_long = {"longest": now + lease + WAVERING, "until": now + lease}
            connection.execute(END_LEASES, too_long)
            connection.execute(TELL_AGAIN, {"longest": now + LONGEST_REPEAT + WAVERING, "now": now})
            connection.execute(LOCK_AHEAD, {"now": now}).all()
            connection.execute(SET_BACK, {"now": now})

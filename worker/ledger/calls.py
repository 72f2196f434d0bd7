"""The requests of each bucket in the last minutes, to be held against what is permitted."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, text, true

from worker.domain.outcomes import Outcome
from worker.ledger.database import Database
from worker.ledger.ledger import Ledger
from worker.ledger.minutes import floored
from worker.ledger.schema import PREFIX, attempts, buckets
from worker.ledger.turns import RESERVED

SLOTS = 60
SLOT_SECONDS = 10.0
MOST = 20_000  # requests of one bucket that are counted, the newest


@dataclass(slots=True)
class Calls:
    """Of one bucket: requests in each slot, the oldest first; and what they came to."""

    slots: list[int] = field(default_factory=lambda: [0] * SLOTS)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def throttles_per_success(self) -> float | None:
        applied = self.outcomes[Outcome.APPLIED]
        return self.outcomes[Outcome.THROTTLED] / applied if applied else None


def recent(ledger: Ledger) -> dict[tuple[str, str], Calls]:
    """By seller and operation, of the last `SLOTS` times `SLOT_SECONDS`."""
    found: dict[tuple[str, str], Calls] = defaultdict(Calls)
    with ledger.database.read() as connection:
        begin = ledger.database.now(connection) - SLOTS * SLOT_SECONDS
        statement = _by_bucket(ledger.database, begin)
        for seller, operation, number, outcome, count in connection.execute(statement):
            calls = found[seller, operation]
            calls.slots[min(max(number, 0), SLOTS - 1)] += count
            calls.outcomes[str(outcome)] += count
    return found


def _by_bucket(database: Database, begin: float) -> Any:
    """Bucket by bucket, each from its index: of what is older nothing is read.

    Both would rather read all attempts. PostgreSQL is told by LATERAL, SQLite by the index and by
    a plus, which keeps it from going the other way round.
    """
    since = (attempts.c.claimed_at >= begin, attempts.c.number != RESERVED)
    of_bucket = attempts.c.bucket == buckets.c.key
    made: Any = attempts
    if not database.is_sqlite:
        newest = select(attempts).where(of_bucket, *since).order_by(attempts.c.claimed_at.desc())
        made = newest.limit(MOST).correlate(buckets).lateral("made")
    slot = floored(database, (made.c.claimed_at - begin) / SLOT_SECONDS)
    by_what = (buckets.c.seller, buckets.c.operation, slot, made.c.outcome)
    summed = select(*by_what, func.count()).group_by(*by_what)
    if database.is_sqlite:
        of_each = text(f"{attempts.name}.bucket = +{buckets.name}.key")
        joined = summed.join_from(buckets, attempts, of_each).where(*since)
        return joined.with_hint(attempts, f"INDEXED BY {PREFIX}attempts_bucket", "sqlite")
    return summed.join_from(buckets, made, true())

"""The requests of each bucket in the last minutes, to be held against what is permitted."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from sqlalchemy import func, select

from worker.domain.outcomes import Outcome
from worker.ledger.ledger import Ledger
from worker.ledger.minutes import floored
from worker.ledger.schema import attempts, buckets
from worker.ledger.turns import RESERVED

SLOTS = 60
SLOT_SECONDS = 10.0


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
        slot = floored(ledger.database, (attempts.c.claimed_at - begin) / SLOT_SECONDS)
        by_what = (buckets.c.seller, buckets.c.operation, slot, attempts.c.outcome)
        # Bucket by bucket: of what is older nothing is read.
        statement = (
            select(*by_what, func.count())
            .join_from(buckets, attempts, attempts.c.bucket == buckets.c.key)
            .where(attempts.c.claimed_at >= begin, attempts.c.number != RESERVED)
            .group_by(*by_what)
        )
        for seller, operation, number, outcome, count in connection.execute(statement):
            calls = found[seller, operation]
            calls.slots[min(max(number, 0), SLOTS - 1)] += count
            calls.outcomes[str(outcome)] += count
    return found

"""Forgetting what is older than it is to be kept, in small steps between which one may stop."""

from collections.abc import Iterator

from worker.domain.retention import Retention
from worker.ledger.database import Database
from worker.ledger.retention import celerys, details, forgotten
from worker.ledger.retention.pruned import Pruned


def prune(
    database: Database, keep: Retention, actor: str, *, dry_run: bool = False
) -> Iterator[Pruned]:
    """What each step has removed; buyers' details first. Each is a transaction of its own.

    With `dry_run` nothing is changed: what would be removed now. Raises LedgerUnavailable.
    """
    place: tuple[float, int] | None = details.FIRST
    while place is not None:
        pruned, place = details.remove(
            database, keep.keep_buyer_details, place, actor, dry_run=dry_run
        )
        yield pruned
    needed = celerys.needed(database)
    yield from celerys.remove(database, keep.keep_buyer_details, needed, dry_run=dry_run)
    place = forgotten.FIRST
    while place is not None:
        pruned, place = forgotten.remove(database, keep.keep_jobs, place, needed, dry_run=dry_run)
        yield pruned

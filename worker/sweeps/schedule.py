"""Which sweeps there are, how often each runs, and running one by its name.

A schedule is of one seller, so that a worker that does not know a seller leaves it to others;
retention is of the whole ledger.
"""

from collections.abc import Mapping
from dataclasses import asdict

from worker import logs
from worker.errors import BadInput, LedgerUnavailable
from worker.ledger import schedules
from worker.ledger.database import Database
from worker.ledger.schedules import Due
from worker.sweeps.retention import EVERY, RetentionSweep
from worker.sweeps.retry import RetrySweep
from worker.sweeps.stale import StaleSweep

log = logs.get("worker.sweeps")

STALE, RETRY = "stale", "retry"  # before a slash and the seller
RETENTION = "retention"


class Sweeps:
    """The schedules of this process' configuration, as the dispatcher and the task want them."""

    def __init__(
        self,
        database: Database,
        stale: StaleSweep,
        retry: RetrySweep | None,
        retention: RetentionSweep,
    ) -> None:
        self._database = database
        self._retention = retention
        self.stale = stale
        self._retry = retry

    def every(self) -> Mapping[str, float]:
        """The name of each schedule, and the seconds between two of its runs."""
        stale = {
            f"{STALE}/{seller}": policy.every
            for seller, policy in self.stale.policies.items()
            if policy.from_ledger or policy.source  # else somebody has to hand it the orders
        }
        retry = self._retry
        of_sellers = stale | (
            {f"{RETRY}/{seller}": retry.policy.every for seller in retry.sellers} if retry else {}
        )
        return of_sellers | {RETENTION: EVERY}

    def run(self, due: Due) -> None:
        """Run what is due, unless somebody else does or has.

        What the configuration has wrong is logged, and is no reason to try again before its time.
        """
        if due.name not in self.every():  # another configuration's, who is to have it now
            schedules.give_up(self._database, due)
            return
        if not schedules.begin(self._database, due):
            return
        try:
            self._sweep(due.name)
        except (BadInput, LedgerUnavailable) as error:
            log.error("a sweep cannot be run", schedule=due.name, error=str(error))  # noqa: TRY400
        schedules.finish(self._database, due)

    def _sweep(self, name: str) -> None:
        kind, _, seller = name.partition("/")
        if kind == RETENTION:
            log.info("swept", schedule=name, **asdict(self._retention.run()))
            return
        if kind == RETRY and self._retry:
            log.info("swept", schedule=name, jobs=self._retry.run(seller))
            return
        swept = self.stale.run(seller)
        log.info(
            "swept", schedule=name, jobs=len(swept.jobs), left=len(swept.left), more=swept.full
        )

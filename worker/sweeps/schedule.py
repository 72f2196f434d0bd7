"""Which sweeps there are, how often each runs, and running one by its name."""

from collections.abc import Mapping

from worker import logs
from worker.errors import BadInput
from worker.ledger import schedules
from worker.ledger.database import Database
from worker.ledger.schedules import Due
from worker.sweeps.stale import StaleSweep

log = logs.get("worker.sweeps")

STALE = "stale/"  # and the seller


class Sweeps:
    """The schedules of this process' configuration, as the dispatcher and the task want them."""

    def __init__(self, database: Database, stale: StaleSweep) -> None:
        self._database = database
        self.stale = stale

    def every(self) -> Mapping[str, float]:
        """The name of each schedule, and the seconds between two of its runs."""
        return {
            f"{STALE}{seller}": policy.every
            for seller, policy in self.stale.policies.items()
            if policy.from_ledger or policy.source  # else somebody has to hand it the orders
        }

    def run(self, due: Due) -> None:
        """Run what is due, unless somebody else does or has.

        What the configuration has wrong is logged, and is no reason to try again before its time.
        """
        if due.name not in self.every() or not schedules.begin(self._database, due):
            return
        try:
            self._sweep(due.name)
        except BadInput as error:
            log.error("a sweep cannot be run", schedule=due.name, error=str(error))  # noqa: TRY400
        schedules.finish(self._database, due)

    def _sweep(self, name: str) -> None:
        swept = self.stale.run(name.removeprefix(STALE))
        log.info(
            "swept", schedule=name, jobs=len(swept.jobs), left=len(swept.left), more=swept.full
        )

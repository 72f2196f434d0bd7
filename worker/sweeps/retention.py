"""Forgetting by schedule what is older than it is to be kept: nobody has to ask for it."""

import time

from worker import logs
from worker.domain.retention import Retention
from worker.ledger.database import Database
from worker.ledger.retention import pruning
from worker.ledger.retention.pruned import Pruned

log = logs.get("worker.sweeps")

ACTOR = "retention"
EVERY = 3600.0  # seconds between two runs
LONGEST = 60.0  # seconds of one run, within its lease; the next one goes on


class RetentionSweep:
    def __init__(self, database: Database, keep: Retention) -> None:
        self._database = database
        self.keep = keep

    def run(self) -> Pruned:
        """Forget what is old enough, for as long as a run may take. Raises LedgerUnavailable."""
        until = time.monotonic() + LONGEST
        pruned = Pruned()
        for step in pruning.prune(self._database, self.keep, ACTOR):
            pruned += step
            if time.monotonic() > until:
                log.info("retention goes on with its next run")
                break
        return pruned

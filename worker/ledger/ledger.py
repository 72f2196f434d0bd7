"""What every verb of the ledger is given: the database, the routes, the policy.

The verbs are functions of the modules beside this one. Each public one opens its own
transaction, and takes its locks in the same sequence: order, jobs, buckets by key.
"""

from dataclasses import dataclass

from worker.domain.jobs import Policy
from worker.domain.routes import Routes
from worker.ledger.database import Database


@dataclass(frozen=True, slots=True)
class Ledger:
    database: Database
    routes: Routes
    policy: Policy

"""Trying failed confirms again that time may have healed."""

from collections.abc import Collection
from dataclasses import dataclass

from worker.ledger import retries
from worker.ledger.ledger import Ledger

ACTOR = "retry sweep"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Durations are in seconds: what failed within `since`, each job `at_most` times."""

    every: float
    since: float
    at_most: int
    limit: int  # jobs of one sweep and seller


class RetrySweep:
    """`sellers` are those whose failed confirms are tried again."""

    def __init__(self, ledger: Ledger, policy: RetryPolicy, sellers: Collection[str]) -> None:
        self._ledger = ledger
        self.policy = policy
        self.sellers = sellers

    def run(self, seller: str) -> int:
        """Retry what may be of one seller; how many jobs. Raises LedgerUnavailable."""
        policy = self.policy
        found = retries.due_for_retry(
            self._ledger, policy.since, policy.at_most, policy.limit, seller
        )
        return sum(self._retry(each.job_id) for each in found if each.why_not is None)

    def _retry(self, job_id: str) -> bool:
        tried = retries.retry(self._ledger, job_id, actor=ACTOR, by_schedule=True)
        return tried.refusal is None  # else somebody was faster, or asked anew

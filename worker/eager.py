"""Eager mode, for a shop's own tests: a job runs to its end within the call.

Waits that are the ledger's own (a due time, the backoff after a refusal) are skipped. Those
that tell something by passing (a token of the quota, a doubt, another job of the order) are
waited for while each is within the patience, and beyond that the caller is told.
"""

import time

from worker.bootstrap import Runtime
from worker.domain.jobs import FINAL, Job
from worker.errors import WouldWait
from worker.ledger import queries, recovery, waits

LOOK_AGAIN = 0.02  # seconds


def run(now: Runtime, job_id: str) -> Job | None:
    """Carry a job to its end; None if there is none. Raises WouldWait, LedgerUnavailable."""
    patience = now.ledger.policy.patience
    come_to, since = "", time.monotonic()
    while True:
        recovery.recover(now.ledger, now.worker)  # a passed deadline
        job = now.executor.run(job_id)
        if job is None or job.state in FINAL:
            return job
        if come_to != (come_to := f"{job.state} {job.step} {job.costs}"):
            since = time.monotonic()
        rest = waits.skip(now.ledger, job_id)
        tried = time.monotonic() - since
        if max(rest, tried) > patience:
            raise _would_wait(now, job_id, patience)
        if rest or tried > LOOK_AGAIN:
            time.sleep(min(max(rest, LOOK_AGAIN), patience))


def _would_wait(now: Runtime, job_id: str, patience: float) -> WouldWait:
    (job,) = queries.of_ids(now.ledger, [job_id])
    return WouldWait(
        f"The {job['task']} of {job['order_id']} is {job['state']} and would wait for"
        f" {job['waiting_for']}, due {job['due_at']}; eager mode waits for no longer than the"
        f" patience of {patience:g} s. The ledger keeps the job.",
        None,
        job_id,
    )

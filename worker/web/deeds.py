"""What is done to jobs and orders over HTTP, for /v1 and for the pages: the ledger's own verbs.

Each gives None, or the sentence that says why the job was left as it is.
"""

from worker.bootstrap import Runtime
from worker.domain.jobs import State
from worker.domain.withdrawing import why_not
from worker.errors import BadInput
from worker.ledger import keeping, retries, withdrawals
from worker.ledger.precedence import is_withdrawable
from worker.web.problems import Problem

WHY_LENGTH = 500  # characters


def retry(now: Runtime, job_id: str, actor: str, why: str) -> str | None:
    """Raises Problem (404), BadInput, LedgerUnavailable, as all here."""
    retried = retries.retry(now.ledger, job_id, actor=actor, why=_checked(why))
    if retried.job is None:
        raise unknown(job_id)
    return retried.refusal


def withdraw(now: Runtime, job_id: str, actor: str, why: str) -> str | None:
    """None, too, where it was withdrawn before: it is as it was asked to be."""
    before = withdrawals.withdraw(now.ledger, job_id, actor, _checked(why) or "withdrawn over HTTP")
    if before is None:
        raise unknown(job_id)
    as_asked = is_withdrawable(before) or before.state is State.WITHDRAWN
    return None if as_asked else why_not(before)


def keep(
    now: Runtime, seller: str, order_id: str, actor: str, why: str, *, kept: bool = True
) -> bool:
    """Keep an order from the sweeps, or release it; whether that changed anything."""
    now.producers.check_order(seller, order_id)
    why = _checked(why)
    return keeping.keep(now.ledger, seller, order_id, actor=actor, why=why or None, kept=kept)


def unknown(job_id: str) -> Problem:
    return Problem(404, f"There is no job {job_id:.100}.")


def _checked(why: str) -> str:
    if len(why) > WHY_LENGTH or not why.replace("\n", "").replace("\t", "").isprintable():
        raise BadInput("why", f"must be up to {WHY_LENGTH} printable characters.")
    return why.strip()

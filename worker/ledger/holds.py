"""A worker's hold on a job: what it is, and whether it was written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from worker.domain.bucket import Bucket
from worker.domain.jobs import Job, State
from worker.errors import CommitUnknown
from worker.ledger import turns
from worker.ledger.ledger import Ledger
from worker.ledger.locking import LOCKED_JOB, lock_order
from worker.ledger.repeating import once_more

Hold = TypeVar("Hold")


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job for one request. `token` fences whoever held it before."""

    job: Job  # `effect`: what earlier requests left; `sends` counts the coming one
    token: int
    turn: turns.Turn
    worker: str
    lease_until: float
    reserved: turns.Turn | None = None  # of the write that a check may lead to

    @property
    def bucket(self) -> Bucket:
        return self.turn.bucket


class HoldUnknown(CommitUnknown):
    """The answer to a claim's commit was lost: `is_held` says whether `held` stands."""

    def __init__(self, message: str, held: Claim) -> None:
        super().__init__(message)
        self.held = held


def written(ledger: Ledger, work: Callable[[Connection], Hold]) -> Hold:
    """What `work` makes in a transaction of its own. Raises HoldUnknown for a claim that it made
    and whose commit was not answered.
    """
    made: list[Hold] = []
    try:
        with ledger.database.write() as connection:
            made.append(work(connection))
    except CommitUnknown as unknown:
        for held in made:
            if isinstance(held, Claim):
                raise HoldUnknown(str(unknown), held) from unknown
        raise
    return made[0]


@once_more
def is_held(ledger: Ledger, held: Claim) -> bool:
    """Whether this very claim was written, and nobody has taken it away since.

    Its transaction may still be on its way to disk: the order's lock waits for it. The token
    alone shows nothing: had the claim not been written, another thread of the same worker could
    hold the job by the same token. The attempt does: its number and its moment are this
    claim's alone.
    """
    with ledger.database.write() as connection:
        lock_order(ledger, connection, held.job.seller, held.job.order_id)
        row = connection.execute(LOCKED_JOB, {"job_id": held.job.id}).one()
        turn = {"attempt": held.turn.attempt_id, "at": held.turn.at, "of_job": held.job.id}
        is_ours = connection.execute(turns.IN_FLIGHT_SINCE, turn).scalar()
        return bool(is_ours and row.state == State.RUNNING and row.lease_token == held.token)

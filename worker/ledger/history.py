"""Every change is a transition row: written here, and only inserted; `narration` tells of each."""

from typing import Any

from sqlalchemy import Connection, insert

from worker.domain.jobs import State, WaitingFor
from worker.domain.states import check
from worker.ledger import narration
from worker.ledger.database import Statements
from worker.ledger.narration import Subject
from worker.ledger.schema import transitions

INSERT = insert(transitions)


def job_went(
    connection: Connection,
    job: Subject,
    old: State | None,
    new: State,
    *,
    at: float,
    actor: str,
    waiting_for: WaitingFor | None = None,
    why: str | None = None,
) -> None:
    """Record that a job went from `old` to `new`. Raises AssertionError for an impossible one."""
    row = of_job(old, new, actor=actor, waiting_for=waiting_for, why=why)
    went(connection, job, row, at=at)


def of_job(
    old: State | None,
    new: State,
    *,
    actor: str,
    waiting_for: WaitingFor | None = None,
    why: str | None = None,
) -> dict[str, Any]:
    """A job's transition, of which the job and the time are still to be said.

    Raises AssertionError for an impossible one.
    """
    check(old, new)
    return {
        "subject": "job",
        "old": old,
        "new": new,
        "waiting_for": waiting_for,
        "actor": actor,
        "why": why,
    }


def went(connection: Statements, job: Subject, row: dict[str, Any], *, at: float) -> None:
    """Record what `of_job` has made."""
    connection.execute(INSERT, row | {"job_id": job.id, "at": at})
    tell(job, row)


def tell(job: Subject, row: dict[str, Any]) -> None:
    """Of a job's transition that was written in some other way, too."""
    old, new, waiting_for = row["old"], row["new"], row["waiting_for"]
    narration.note(
        "job",
        **narration.of_job(job),
        was=old and str(old),
        state=str(new),
        waiting_for=waiting_for and str(waiting_for),
        why=row["why"],
        actor=row["actor"],
    )


def order_went(
    connection: Connection, job: Subject, old: str | None, new: str, *, at: float, actor: str
) -> None:
    """Record that the order of a job was seen to have changed its state at the provider."""
    connection.execute(
        INSERT,
        {
            "at": at,
            "job_id": job.id,
            "subject": "order",
            "old": old,
            "new": new,
            "waiting_for": None,
            "actor": actor,
            "why": None,
        },
    )
    narration.note("order", **narration.of_job(job), was=old, state=new, actor=actor)


def details_went(
    connection: Connection, job_id: str, *, at: float, actor: str, why: str, new: str = "removed"
) -> None:
    """Record that the buyer's details were taken out of a job's receipt, or shown to somebody."""
    connection.execute(
        INSERT,
        {
            "at": at,
            "job_id": job_id,
            "subject": "details",
            "old": None,
            "new": new,
            "waiting_for": None,
            "actor": actor,
            "why": why,
        },
    )
    narration.note("details", job=job_id, state=new, why=why, actor=actor)


def order_was(
    connection: Connection,
    order: tuple[str, str],
    what: str,
    *,
    at: float,
    actor: str,
    why: str | None = None,
) -> None:
    """Record what somebody did to an order (seller, order id) by no job: kept or released it."""
    seller, order_id = order
    connection.execute(
        INSERT,
        {
            "at": at,
            "seller": seller,
            "order_id": order_id,
            "subject": "order",
            "new": what,
            "actor": actor,
            "why": why,
        },
    )
    narration.note("order", seller=seller, order=order_id, state=what, why=why, actor=actor)

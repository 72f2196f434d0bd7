"""The row of a job that nothing has happened to yet, and the first line of its history."""

from dataclasses import dataclass
from typing import Any

from worker.domain.jobs import RANK, Effect, Request, State, WaitingFor
from worker.ledger import history
from worker.ledger.ledger import Ledger

FIRST_PUBLISH = 1.0  # seconds before the dispatcher publishes what its producer has published
TIMES = ("accepted_at", "due_at", "deadline", "give_up_at", "expires_at")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Whom the first line of a history is about."""

    id: str
    seller: str
    order_id: str
    trace: dict[str, str] | None


def newcomer(
    ledger: Ledger,
    request: Request,
    job_id: str,
    *,
    due_in: float,
    expires_in: float | None,
    options: dict[str, Any] | None,
    trace: dict[str, str] | None,
) -> dict[str, Any]:
    """The row of a request as it is accepted, its TIMES in seconds from that moment."""
    spec = ledger.routes.bucket(request, request.first_step.turn)
    due_at = max(0.0, due_in)
    give_up_at = due_at + ledger.policy.give_up_after[request.task]
    if expires_in is not None:
        give_up_at = min(give_up_at, expires_in)
    return blank(request, job_id) | {
        "bucket": spec.key if spec else None,
        "ready": due_in <= 0 and spec is not None,
        "accepted_at": 0.0,
        "due_at": due_at,
        "deadline": give_up_at,
        "give_up_at": give_up_at,
        "expires_at": expires_in,  # as in Celery: not counted from the due time
        "options": options,
        "trace": trace,
    }


def first_transition(actor: str) -> dict[str, Any]:
    return history.of_job(
        None, State.WAITING, actor=actor, waiting_for=WaitingFor.TURN, why="accepted"
    )


def blank(request: Request, job_id: str) -> dict[str, Any]:
    """A row of a job that nothing has happened to yet."""
    return {
        **request.arguments(),
        "id": job_id,
        "priority": request.priority,
        "key": request.idempotency_key,
        "holds_key": True,
        "previous_id": None,
        "state": State.WAITING,
        "waiting_for": WaitingFor.TURN,
        "step": request.first_step,
        "stale_states": request.stale_states and list(request.stale_states),
        "effect": Effect.NONE,
        "rank": RANK[request.first_step.turn],
        "ready": False,
        "finished_at": None,
        "publish_at": 0.0,
        "publish_count": 0,
        "attempt_count": 0,
        "sends": 0,
        "costs": 0,
        "backoffs": 0,
        "lease_token": 0,
        "lost_leases": 0,
        "options": None,
        "trace": None,
    }

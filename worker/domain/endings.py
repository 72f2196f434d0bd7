"""Where a job ends: succeeded, rejected, or failed, with its receipt or its error."""

from typing import Any

from worker.domain.choices import Decision
from worker.domain.jobs import Effect, Job, State, Step
from worker.domain.outcomes import Answer, Basis
from worker.domain.records import as_kind, is_unconfirmed, receipt_of


def succeeded(receipt: dict[str, Any], why: str) -> Decision:
    return Decision(State.SUCCEEDED, Effect.APPLIED, Step.APPLY, receipt=receipt, why=why)


def succeeded_without_details(job: Job, answer: Answer, why: str) -> Decision:
    """An applied job never ends as failed: it succeeds with what is known of its order.

    Where the buyer's bank has a say, an answered confirm is applied only once it was read so.
    """
    if is_unconfirmed(job):
        return outcome_unknown(as_kind("outcome_unknown", job.error or {}), why)
    return succeeded(job.receipt or receipt_of(job, answer, Basis.OWN), why)


def rejected(error: dict[str, Any]) -> Decision:
    why = str(error.get("code") or error.get("order_state") or "rejected")
    return Decision(State.REJECTED, Effect.NONE, Step.APPLY, error=error, why=why)


def withdrawn(why: str) -> Decision:
    """Taken back by rule: nothing was sent, and nothing is to be."""
    return Decision(
        State.WITHDRAWN,
        Effect.NONE,
        Step.CHECK,
        error={"kind": "withdrawn", "message": why},
        why=why,
    )


def failed(error: dict[str, Any], why: str, cost: int = 0) -> Decision:
    """Given up, and nothing was applied."""
    return Decision(State.FAILED, Effect.NONE, Step.APPLY, cost=cost, error=error, why=why)


def outcome_unknown(error: dict[str, Any], why: str, cost: int = 0) -> Decision:
    """Given up, and a request may have been applied: whoever comes next looks first."""
    return Decision(
        State.FAILED, Effect.POSSIBLE, Step.DOUBT, cost=cost, error=error, why=f"unknown: {why}"
    )


def attempts_exhausted(error: dict[str, Any], effect: Effect, cost: int = 0) -> Decision:
    """The write was sent as often as allowed; `effect` is what its requests left."""
    if effect is Effect.POSSIBLE:
        error = as_kind("outcome_unknown", error)
        return outcome_unknown(error, "sent as often as allowed, and never answered", cost)
    return failed(as_kind("attempts_exhausted", error), "attempts exhausted", cost)

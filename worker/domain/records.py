"""Receipts and errors: what a job leaves to be read, as JSON takes it."""

from dataclasses import replace
from typing import Any

from worker.domain.choices import Decision
from worker.domain.jobs import Effect, Job
from worker.domain.outcomes import Answer, Basis, OrderView, Outcome
from worker.domain.remedies import remedy_of

# Kinds under which a refusal of the provider's is kept until a lookup has been read.
REFUSALS = frozenset({"state_refused", "rejected"})
# Of a write without a lookup that was repeated.
UNREAD = (
    "the answer to an earlier request was lost, and without its parent_order_id the item cannot be"
    " read back; it was asked for again, and the provider"
)


def error_of(kind: str, answer: Answer) -> dict[str, Any]:
    """The error of a job: its kind, and what the provider answered."""
    return {
        "kind": kind,
        "code": answer.code,
        "message": answer.message,
        "advice": answer.advice or remedy_of(kind).to_do,
        "status": answer.status,
        "request_id": answer.request_id,
    }


def error_kept(kind: str, job: Job, answer: Answer) -> dict[str, Any]:
    """The error of a job that ends without a new answer: what the last one said, if there was any.

    `answer` stands in where nothing was ever answered.
    """
    return as_kind(kind, job.error or error_of(kind, answer))


def as_kind(kind: str, error: dict[str, Any]) -> dict[str, Any]:
    """The same answer of the provider's, as another kind of error: its advice stays, ours goes."""
    said = error.get("advice")
    if said == remedy_of(error.get("kind")).to_do:
        said = None
    return error | {"kind": kind, "advice": said or remedy_of(kind).to_do}


def unconfirmed() -> dict[str, Any]:
    """What a confirm of a buyer who may still have to authenticate ends with, if it ends now."""
    return error_of("buyer", Answer(Outcome.UNKNOWN, message="the buyer did not authenticate"))


def is_unconfirmed(job: Job | Decision) -> bool:
    """Whether a 200 is all that speaks for the job, where only a lookup can."""
    return (job.error or {}).get("kind") == "buyer"


def error_of_order(job: Job, answer: Answer, order: OrderView) -> dict[str, Any]:
    """The error of a job that its order's state rules out: the provider's refusal, if one was."""
    error = job.error or {}
    if error.get("kind") not in REFUSALS:
        error = error_of("rejected", replace(answer, message=f"the order is {order.state}"))
    advice = order.advice or error.get("advice")
    return error | {"kind": "rejected", "order_state": order.state, "advice": advice}


def receipt_of(
    job: Job, answer: Answer, basis: Basis, order: OrderView | None = None
) -> dict[str, Any]:
    """What `.get()` returns: on what the success rests, and what was read of the order."""
    receipt: dict[str, Any] = {
        "task": str(job.task),
        "seller": job.seller,
        "order_id": job.order_id,
        "basis": str(basis),
        # Found so rather than done by the request whose answer this is.
        "already": order is not None or basis is Basis.INFERRED,
        "why": _why(job, basis, order),
        "request_id": answer.request_id,
        "order_state": None,
        "details": None,
    }
    return receipt | (read_of(order) if order else {})


def _why(job: Job, basis: Basis, order: OrderView | None) -> str | None:
    """On what the success rests, where a lookup would have told and none is possible."""
    if order is not None or job.effect is not Effect.POSSIBLE:
        return None
    if basis is Basis.INFERRED:
        return f"{UNREAD} refused the repeat for the item's state: it is cancelled already"
    return f"{UNREAD} has applied the repeat"


def read_of(order: OrderView) -> dict[str, Any]:
    """What a lookup adds to a receipt."""
    return {"order_state": order.state, "details": order.details or None}

"""What a read order reference says about the state that a job wants it to be in.

Source: Amazon Pay, Order reference states and reason codes.
"""

from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from worker.domain.jobs import Job, Task
from worker.domain.outcomes import Basis, OrderView, Standing
from worker.providers.amazon_pay.documents import find, plain, text

CLOCK_TOLERANCE = 300.0  # seconds that the provider's clock and ours may differ

_NEW_CHECKOUT = "The buyer has to check out again."
_SUSPENDED = (
    "The order was confirmed and its payment method is now invalid: the buyer has to choose "
    "another one, then confirm the order again."
)
_CLOSED = "The order was closed and takes no new authorizations."

# Per task and state: where it stands, and what to do if it can never become the wanted one.
READINGS: dict[tuple[Task, str], tuple[Standing, str | None]] = {
    (Task.CONFIRM, "draft"): (Standing.NOT_YET, None),
    (Task.CONFIRM, "open"): (Standing.REACHED, None),
    (Task.CONFIRM, "suspended"): (
        Standing.EXCLUDED,
        _SUSPENDED,
    ),
    (Task.CONFIRM, "closed"): (Standing.EXCLUDED, f"{_CLOSED} {_NEW_CHECKOUT}"),
    (Task.CONFIRM, "canceled"): (Standing.EXCLUDED, f"The order was cancelled. {_NEW_CHECKOUT}"),
    (Task.CANCEL, "draft"): (Standing.NOT_YET, None),
    (Task.CANCEL, "open"): (Standing.NOT_YET, None),
    (Task.CANCEL, "suspended"): (Standing.NOT_YET, None),
    (Task.CANCEL, "closed"): (
        Standing.EXCLUDED,
        f"{_CLOSED} It cannot be cancelled: refund what was captured.",
    ),
    (Task.CANCEL, "canceled"): (Standing.REACHED, None),
}

REACHED = {Task.CONFIRM: "Open", Task.CANCEL: "Canceled"}
CANCELLABLE = ("Draft", "Open", "Suspended")  # as the readings of a cancel say: not yet

# Why an order that a confirm wanted open is cancelled, where the provider says it.
CANCELED_BECAUSE = {
    "Stale": "The order was not confirmed within three hours. " + _NEW_CHECKOUT,
    "SellerCanceled": "The order was cancelled by the seller. " + _NEW_CHECKOUT,
    "AmazonCanceled": "The order was cancelled by Amazon. " + _NEW_CHECKOUT,
}


def read_order(details: Element, job: Job) -> OrderView | None:
    """The view of an `OrderReferenceDetails`; None if its state is unknown or it is another order.

    State names are compared without regard to case: notifications write them in capitals.
    """
    status = find(details, "OrderReferenceStatus")
    state = text(status, "State") or ""
    reading = READINGS.get((job.task, state.lower()))
    order_id = text(details, "AmazonOrderReferenceId") or job.order_id
    if reading is None or order_id != job.order_id:
        return None
    standing, advice = reading
    reason_code = text(status, "ReasonCode")
    if standing is Standing.EXCLUDED and state.lower() == "canceled":
        advice = CANCELED_BECAUSE.get(reason_code or "", advice)
    description = text(status, "ReasonDescription")
    updated_at = _seconds(text(status, "LastUpdateTimestamp"))
    values = plain(details)
    return OrderView(
        order_id=order_id,
        state=state,
        standing=standing,
        basis=_basis(job, reason_code, description, updated_at),
        reason_code=reason_code,
        reason_description=description,
        updated_at=updated_at,
        authorizations=_authorizations(details),
        details=values if isinstance(values, dict) else {},
        advice=advice,
        was_open=state.lower() in {"suspended", "closed"},
    )


def _basis(
    job: Job, reason_code: str | None, description: str | None, updated_at: float | None
) -> Basis:
    """Whether the state can be this job's own doing: by the reason of a cancel, else by time."""
    if job.task is Task.CANCEL:
        same = (description or "").split() == (job.request.reason or "").split()
        return Basis.OWN if same and reason_code == "SellerCanceled" else Basis.OTHER
    if job.sent_at is None:
        return Basis.OTHER
    earlier = updated_at is not None and updated_at < job.sent_at - CLOCK_TOLERANCE
    return Basis.OTHER if earlier else Basis.OWN


def _authorizations(details: Element) -> tuple[str, ...]:
    id_list = find(details, "IdList")
    members = () if id_list is None else tuple(text(member) for member in id_list)
    return tuple(member for member in members if member)


def _seconds(stated: str | None) -> float | None:
    """Seconds since the epoch; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(stated or "")
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None

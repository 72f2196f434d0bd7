"""From the reply to the answer: read the envelope whatever the HTTP status, decide on the number.

Page: "Response format" and "Error messages" of the Seller Center documentation. The HTTP status
alone is never a success. Where an answer leaves open whether the request took effect, it is
UNKNOWN. `parse` never raises, whatever came.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from worker.domain.outcomes import Answer, Outcome
from worker.providers.seller_center.envelope import (
    Envelope,
    UnreadableError,
    children,
    open_envelope,
    text,
)
from worker.providers.seller_center.errors import INVALID_ORDER_ID, fault_of, spelt
from worker.providers.seller_center.items import Wanted, missing, view
from worker.providers.seller_center.operations import Operation
from worker.providers.transport import HttpReply

LONGEST_MESSAGE = 300  # characters
_CODE = re.compile(r"E?([0-9]{1,5})", re.ASCII)
_CODE_IN_MESSAGE = re.compile(r"E([0-9]{1,5})\b", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def parse(
    reply: HttpReply, now: float, operation: Operation, wanted: Wanted | None = None
) -> Answer:
    """Classify one reply. `now` is the time that was signed, in epoch seconds.

    `wanted` is the item that a GetOrderItems is for: the answer then holds its view.
    """
    if not reply.complete:
        return _unreadable(reply, now, "an answer that was cut short or is too long")
    try:
        envelope = open_envelope(reply.body)
    except UnreadableError as error:
        return _unreadable(reply, now, f"an answer that cannot be read: {error}")
    if not envelope.success:
        return _error(reply, now, envelope, operation, wanted)
    return _success(reply, now, envelope, operation, wanted)


def _success(
    reply: HttpReply, now: float, envelope: Envelope, operation: Operation, wanted: Wanted | None
) -> Answer:
    action = text(envelope.head, "RequestAction")
    if not 200 <= reply.status < 300:  # noqa: PLR2004
        return _unreadable(reply, now, "a SuccessResponse")
    if action not in ("", operation.name):
        return _unreadable(reply, now, f"the answer to another operation, {action[:80]}")
    answer = Answer(
        Outcome.APPLIED, status=reply.status, request_id=text(envelope.head, "RequestId") or None
    )
    if wanted is None:
        return answer
    order = view(envelope.body, wanted)
    if order is None:
        return _unreadable(reply, now, "the order's items, and the item's state cannot be told")
    return replace(answer, order=order)


def _error(
    reply: HttpReply, now: float, envelope: Envelope, operation: Operation, wanted: Wanted | None
) -> Answer:
    code = error_code(envelope)
    if code is None:
        return _unreadable(reply, now, "an ErrorResponse without a code", envelope)
    details = children(envelope.body, "ErrorDetail")
    fault = fault_of(code, text(envelope.head, "ErrorType"), reply.status, has_detail=bool(details))
    answer = Answer(
        fault.outcome,
        status=reply.status,
        code=spelt(code),
        message=_message(envelope),
        request_id=text(envelope.head, "RequestId") or None,
        advice=fault.advice,
        scope=fault.scope,
        retry_after=retry_after(reply, now),
    )
    if wanted is not None and code == INVALID_ORDER_ID:
        return replace(answer, outcome=Outcome.APPLIED, advice=None, order=missing(wanted))
    if fault.outcome is Outcome.CLOCK_EXPIRED:
        return replace(answer, clock_offset=_clock_offset(reply, envelope, now))
    if fault.outcome is Outcome.STATE_REFUSED and not operation.writes:
        return replace(answer, outcome=Outcome.UNKNOWN)  # a lookup asks for no state
    return answer


def error_code(envelope: Envelope) -> int | None:
    """The number of an error: ErrorCode, or where that is missing the `E…` of its message."""
    given = text(envelope.head, "ErrorCode")
    if given:
        found = _CODE.fullmatch(given)
    else:
        found = _CODE_IN_MESSAGE.match(text(envelope.head, "ErrorMessage"))
    return int(found[1]) if found else None


def retry_after(reply: HttpReply, now: float) -> float | None:
    """The wait that the provider named, in seconds; None if it named none that can be read."""
    given = reply.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        return float(given)
    until, sent = _http_date(given), _http_date(reply.headers.get("date", ""))
    if until is None:
        return None
    return max(0.0, until - (now if sent is None else sent))


def _unreadable(
    reply: HttpReply, now: float, what: str, envelope: Envelope | None = None
) -> Answer:
    """An answer without a verdict of its own: only its HTTP status says something."""
    is_throttle = reply.status == 429  # noqa: PLR2004
    message = f"HTTP {reply.status} with {what}"
    said = _message(envelope) if envelope else None
    return Answer(
        Outcome.THROTTLED if is_throttle else Outcome.UNKNOWN,
        status=reply.status,
        message=f"{message}: {said}" if said else message,
        retry_after=retry_after(reply, now),
        outage=reply.status >= 500,  # noqa: PLR2004
    )


def _message(envelope: Envelope) -> str | None:
    """What the provider says, with the first detail, on one line and not longer than a line."""
    details = children(envelope.body, "ErrorDetail")[:1]
    said = [text(envelope.head, "ErrorMessage")]
    said += [text(detail, name) for detail in details for name in ("Field", "Message")]
    return " ".join(" ".join(said).split())[:LONGEST_MESSAGE] or None


def _clock_offset(reply: HttpReply, envelope: Envelope, now: float) -> float | None:
    theirs = _http_date(reply.headers.get("date", ""))
    if theirs is None:
        theirs = _iso_date(text(envelope.head, "Timestamp"))
    return None if theirs is None else theirs - now


def _http_date(value: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _iso_date(value: str) -> float | None:
    """Epoch seconds of a time with its zone; a time without one says nothing."""
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.timestamp() if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None

"""From the reply to the answer: read the envelope whatever the HTTP status, decide on the number.

Page: "Response format" and "Error messages" of the Seller Center documentation. The HTTP status
alone is never a success. Where an answer leaves open whether the request took effect, it is
UNKNOWN. `parse` never raises, whatever came.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from worker.domain.outcomes import Answer, OrderView, Outcome
from worker.providers.seller_center.codes import INVALID_ORDER_ID, meaning_of, spelt
from worker.providers.seller_center.documents import (
    Envelope,
    Unreadable,
    children,
    read_document,
    text,
)
from worker.providers.transport import HttpReply

LONGEST_MESSAGE = 300  # characters
LONGEST_PAUSE = 3600.0  # seconds; a longer one would close the bucket for a slip of the server
_CODE = re.compile(r"E?([0-9]{1,5})", re.ASCII)
_CODE_IN_MESSAGE = re.compile(r"E([0-9]{1,5})\b", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def parse(
    reply: HttpReply,
    now: float,
    *,
    action: str,
    read: Callable[[object], OrderView | None] | None = None,
) -> Answer:
    """Classify the reply to `action`. `now` is the signed time, in epoch seconds.

    `read` turns the body of a lookup into a view of the item; None from it means that the body
    leaves the item's state open.
    """
    if not reply.complete:
        return _unreadable(reply, now, "an answer that was cut short or is too long")
    try:
        envelope = read_document(reply.body)
    except Unreadable as error:
        return _unreadable(reply, now, f"an answer that cannot be read: {error}")
    if envelope.success:
        return _success(reply, now, envelope, action, read)
    return _failure(reply, now, envelope, read)


def _success(
    reply: HttpReply,
    now: float,
    envelope: Envelope,
    action: str,
    read: Callable[[object], OrderView | None] | None,
) -> Answer:
    answered = text(envelope.head, "RequestAction")
    if not 200 <= reply.status < 300:  # noqa: PLR2004
        return _unreadable(reply, now, "a SuccessResponse")
    if answered not in ("", action):
        return _unreadable(reply, now, f"the answer to another operation, {answered[:80]}")
    answer = Answer(
        Outcome.APPLIED, status=reply.status, request_id=text(envelope.head, "RequestId") or None
    )
    if read is None:
        return answer
    order = read(envelope.body)
    if order is None:
        return _unreadable(reply, now, "the order's items, and the item's state cannot be told")
    return replace(answer, order=order)


def _failure(
    reply: HttpReply,
    now: float,
    envelope: Envelope,
    read: Callable[[object], OrderView | None] | None,
) -> Answer:
    code = error_code(envelope)
    if code is None:
        return _unreadable(reply, now, "an ErrorResponse without a code", envelope)
    meaning = meaning_of(
        code,
        text(envelope.head, "ErrorType"),
        reply.status,
        has_detail=bool(children(envelope.body, "ErrorDetail")),
    )
    answer = Answer(
        meaning.outcome,
        status=reply.status,
        code=spelt(code),
        message=_message(envelope),
        request_id=text(envelope.head, "RequestId") or None,
        advice=meaning.advice,
        scope=meaning.scope,
        retry_after=retry_after(reply, now),
    )
    if code == INVALID_ORDER_ID and read is not None:  # an order that is not there has no items
        return replace(answer, outcome=Outcome.APPLIED, advice=None, order=read(None))
    if meaning.outcome is Outcome.CLOCK_EXPIRED:
        return replace(answer, clock_offset=_clock_offset(reply, envelope, now))
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
        return min(float(given), LONGEST_PAUSE)
    until, sent = _http_date(given), _http_date(reply.headers.get("date", ""))
    if until is None:
        return None
    return min(max(0.0, until - (now if sent is None else sent)), LONGEST_PAUSE)


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

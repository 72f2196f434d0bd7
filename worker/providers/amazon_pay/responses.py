"""What the provider's answer to one request means. Pure: reply and time in, Answer out.

Sources: Amazon Pay, Handling API errors and Error codes; Amazon MWS Developer Guide, Throttling.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from worker.domain.outcomes import Answer, OrderView, Outcome
from worker.providers.amazon_pay import limits
from worker.providers.amazon_pay.codes import CODES, Meaning, constraint_advice, meaning_of
from worker.providers.amazon_pay.documents import find, local_name, read_document, text
from worker.providers.transport import HttpReply

CLOCK_TOLERANCE = 300.0  # seconds between the answer's Date and our clock
_NAMES_THE_CLOCK = re.compile(r"timestamp|expir", re.IGNORECASE)
# A message that names one of these quotes its value, and a reason may speak of expiry too.
_NAMES_A_VALUE = re.compile("AmazonOrderReferenceId|CancelationReason|SuccessUrl|FailureUrl")


@dataclass(frozen=True, slots=True)
class _Error:
    code: str
    message: str | None = None
    request_id: str | None = None


def parse(
    reply: HttpReply,
    now: float,
    *,
    action: str,
    read: Callable[[Element], OrderView | None] | None = None,
) -> Answer:
    """Classify the reply to `action`. `now` is the signed time, seconds since the epoch.

    `read` turns the document of a lookup into a view of the order; None from it means that the
    document says nothing usable. Never raises.
    """
    document = read_document(reply.body) if reply.complete else None
    answer = Answer(
        Outcome.UNKNOWN,
        status=reply.status,
        request_id=_request_id(document) or reply.headers.get("x-mws-request-id"),
        stated_rate=limits.stated_rate(reply.headers),
    )
    if reply.status == 200:  # noqa: PLR2004
        return _success(answer, document, action, read)
    error = _error(reply, document)
    if reply.status < 400:  # noqa: PLR2004
        return replace(
            answer,
            code=error.code if error else None,
            message=f"HTTP {reply.status} is no answer of this API.",
        )
    if error is None:
        return replace(
            answer,
            message=f"HTTP {reply.status} without a readable error code.",
            outage=reply.status >= 500,  # noqa: PLR2004
            retry_after=limits.retry_after(reply.headers, now, None),
        )
    return _failure(answer, error, reply, now)


def _success(
    answer: Answer,
    document: Element | None,
    action: str,
    read: Callable[[Element], OrderView | None] | None,
) -> Answer:
    if document is None or local_name(document) != f"{action}Response":
        return replace(answer, message=f"HTTP 200 without the document of {action}.")
    if read is None:
        return replace(answer, outcome=Outcome.APPLIED)
    details = find(document, f"{action}Result", "OrderReferenceDetails")
    order = read(details) if details is not None else None
    if order is None:
        return replace(answer, message=f"HTTP 200 and {action} shows no state of this order.")
    return replace(answer, outcome=Outcome.APPLIED, order=order)


def _failure(answer: Answer, error: _Error, reply: HttpReply, now: float) -> Answer:
    meaning = _clock(error, reply.headers, now) or meaning_of(error.code, reply.status)
    advice = meaning.advice
    if error.code == "ConstraintsExist":
        advice = constraint_advice(error.message or "") or advice
    answer = replace(
        answer,
        outcome=meaning.outcome,
        code=error.code,
        message=error.message,
        request_id=error.request_id or answer.request_id,
        advice=advice,
        scope=meaning.scope,
        retry_after=limits.retry_after(reply.headers, now, error.code),
        other_quota=error.code == limits.HOURLY,
    )
    if meaning.outcome is Outcome.CLOCK_EXPIRED:
        return replace(answer, clock_offset=_clock_offset(reply.headers, now))
    return answer


def _clock(error: _Error, headers: Mapping[str, str], now: float) -> Meaning | None:
    """InvalidParameterValue is also what the provider says of an expired request."""
    if error.code != "InvalidParameterValue":
        return None
    offset = _clock_offset(headers, now)
    too_far = offset is not None and abs(offset) > CLOCK_TOLERANCE
    message = error.message or ""
    named = _NAMES_THE_CLOCK.search(message) and not _NAMES_A_VALUE.search(message)
    return Meaning(Outcome.CLOCK_EXPIRED) if too_far or named else None


def _error(reply: HttpReply, document: Element | None) -> _Error | None:
    """The error that the body states, as XML or as a text that begins with a known code."""
    if document is not None:
        code = text(document, "Error", "Code")
        if local_name(document) != "ErrorResponse" or code is None:
            return None
        return _Error(code, text(document, "Error", "Message"), _request_id(document))
    if not reply.complete:
        return None
    body = reply.body.decode("utf-8", "replace").strip()
    word = re.match(r"[A-Z][A-Za-z]+", body)
    return _Error(word[0], body) if word and word[0] in CODES else None


def _request_id(document: Element | None) -> str | None:
    """`RequestId`, in the EU `RequestID`; of a success inside `ResponseMetadata`."""
    holders = (document, find(document, "ResponseMetadata"))
    names = ("RequestId", "RequestID")
    found = (text(holder, name) for holder in holders for name in names)
    return next((request_id for request_id in found if request_id), None)


def _clock_offset(headers: Mapping[str, str], now: float) -> float | None:
    date = limits.moment(headers.get("date"))
    return None if date is None else date - now

"""What an answer's headers say of the limits.

There are two kinds, and they must not be confused. The bucket of an operation is restored within
seconds; `x-amzn-RateLimit-Limit`, where it comes, is its restore rate, in requests a second. Some
operations have an hourly quota besides: `x-mws-quota-max`, `-remaining` and `-resetsOn` are about
that one, and so is the code QuotaExceeded. None is listed for this API; where they come they say
how long a throttle lasts, and nothing of the bucket.

Sources: Amazon MWS Developer Guide, Throttling; Amazon Selling Partner API, Usage plans and rate
limits.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HOURLY = "QuotaExceeded"
LONGEST_PAUSE = 3600.0  # seconds; no quota of the provider's takes longer to be restored
LOOK_AGAIN = 60.0  # seconds, after an hourly quota was exceeded and no time of its reset is stated


def stated_rate(headers: Mapping[str, str]) -> float | None:
    """Requests a second that the provider says the bucket is restored with."""
    rate = _number(headers.get("x-amzn-ratelimit-limit"))
    return rate if rate is not None and rate > 0 else None


def retry_after(headers: Mapping[str, str], now: float, code: str | None) -> float | None:
    """Seconds that the provider asks to wait, by either of the headers that can say so.

    `x-mws-quota-resetsOn` is about the hourly quota: a throttle that leaves some of that is over
    long before.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    until = moment(asked)
    if until is not None:
        return _from(headers, now, until)
    if code == "RequestThrottled" and (_left(headers) or 0) > 0:
        return None
    seconds = _until_reset(headers, now)
    return LOOK_AGAIN if seconds is None and code == HOURLY else seconds


def moment(text: str | None) -> float | None:
    """Seconds since the epoch, from an HTTP date or ISO 8601; None if it is neither."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read((text or "").strip())
            return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _until_reset(headers: Mapping[str, str], now: float) -> float | None:
    until = moment(headers.get("x-mws-quota-resetson"))
    return None if until is None else _from(headers, now, until)


def _from(headers: Mapping[str, str], now: float, until: float) -> float:
    """Seconds from when the answer was sent: by the provider's own clock, if it says."""
    sent = moment(headers.get("date"))
    return min(max(until - (now if sent is None else sent), 0.0), LONGEST_PAUSE)


def _left(headers: Mapping[str, str]) -> float | None:
    return _number(headers.get("x-mws-quota-remaining"))


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None

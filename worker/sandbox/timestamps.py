"""ISO 8601 as clients of both providers spell it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

SPELLING = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\dT\d\d:\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`at` is epoch seconds; a text without a zone is read as UTC and says so in `naive`."""

    at: float
    naive: bool
    fraction: bool
    seconds: bool


def read(text: str) -> Timestamp | None:
    """The moment that a text names, or None if it is in no spelling that is in use."""
    match = SPELLING.fullmatch(text)
    if match is None:
        return None
    second, fraction, zone = match["second"], match["fraction"], match["zone"]
    try:
        moment = datetime.strptime(
            f"{match['minute']}:{second or '00'}", "%Y-%m-%dT%H:%M:%S"
        ).replace(tzinfo=_zone(zone))
    except ValueError:
        return None
    part = float(f"0.{fraction}") if fraction else 0.0
    return Timestamp(
        at=moment.timestamp() + part,
        naive=zone is None,
        fraction=fraction is not None,
        seconds=second is not None,
    )


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def write(at: float) -> str:
    """Whole seconds in UTC, as in `2012-10-03T19:01:11Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

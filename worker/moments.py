"""The times that Celery's options have, as seconds from now."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from worker.errors import BadInput

FARTHEST = 3650 * 86400.0  # seconds: ten years; a time beyond is a slip, as milliseconds are


def due_in(options: Mapping[str, Any]) -> float:
    """Seconds until a call's `countdown` or `eta`; 0 without. Raises BadInput."""
    for field in ("countdown", "eta"):
        if options.get(field) is not None:
            return seconds_until(field, options[field]) or 0.0
    return 0.0


def seconds_until(field: str, moment: object) -> float | None:
    """Of Celery's times: a datetime (UTC if it has no zone), its text, or seconds from now.

    Raises BadInput for what is none of these, or farther away than ten years.
    """
    match moment:
        case None:
            return None
        case int() | float() if moment <= FARTHEST:
            return float(max(moment, -FARTHEST))
        case str():
            with suppress(ValueError):
                return seconds_until(field, datetime.fromisoformat(moment))
        case datetime():
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return seconds_until(field, (zoned - datetime.now(UTC)).total_seconds())
    raise BadInput(field, "is neither a time nor a number of seconds within ten years.")

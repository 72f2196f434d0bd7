"""The kinds of values that options have; each refuses with a sentence that says what is right."""

import math
import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"\d+(?:\.\d+)?"
_TERMS = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _UNITS), re.ASCII)
_LONGEST = 36500 * _UNITS["d"]  # a hundred years: beyond, times leave the calendar

LAST_PORT = 65535

_DURATION_RULE = 'a duration above zero, such as "500ms", "2s", "1h30m", "30d" or 2.5 (seconds)'


def _plain_number(value: object) -> float | None:
    """The number that a TOML value or the text of a variable stands for, if it is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str) and re.fullmatch(rf"-?{_NUMBER}", value.strip(), re.ASCII):
        return float(value)
    return None


def seconds(value: object) -> float:
    """Read a duration: `"1h30m"`, `"500ms"`, or a plain number of seconds.

    Units are d, h, m, s and ms, from the longest to the shortest. Raises ValueError unless
    the result is above zero and at most a hundred years.
    """
    number = _plain_number(value)
    if number is None and isinstance(value, str) and (text := value.strip()):
        terms = _TERMS.fullmatch(text)
        if terms:
            pairs = zip(terms.groups(), _UNITS.values(), strict=True)
            number = sum(float(count) * unit for count, unit in pairs if count)
    if number is None or not number > 0:
        raise ValueError(f"must be {_DURATION_RULE}")
    if number > _LONGEST:
        raise ValueError('must be at most a hundred years ("36500d")')
    return number


def _seconds_or_none_at_all(value: object) -> float:
    if _plain_number(value) == 0 or value == "0s":
        return 0.0
    try:
        return seconds(value)
    except ValueError:
        raise ValueError(f"must be 0 or {_DURATION_RULE}") from None


def _count(value: object) -> int:
    number = _plain_number(value)
    if number is None or not number >= 1 or not number.is_integer():
        raise ValueError("must be a whole number of at least 1")
    return int(number)


def _count_or_none_at_all(value: object) -> int:
    number = _plain_number(value)
    if number is None or not number >= 0 or not number.is_integer():
        raise ValueError("must be a whole number of at least 0")
    return int(number)


def _port(value: object) -> int:
    number = _plain_number(value)
    if number is None or not number.is_integer() or not 0 <= number <= LAST_PORT:
        raise ValueError(f"must be a whole number from 0 (any that is free) to {LAST_PORT}")
    return int(number)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise ValueError("must be true or false")


def _capacity(value: object) -> float:
    number = _plain_number(value)
    if number is None or not math.isfinite(number) or number < 1:
        raise ValueError("must be a finite number of tokens, at least 1")
    return number


def _restore_rate(value: object) -> float:
    number = _plain_number(value)
    if number is None or not math.isfinite(number) or number <= 0:
        raise ValueError("must be a finite number of tokens per second above 0, such as 0.5")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value


def _header(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[!-~](?:[ -~]{0,498}[!-~])?", value):
        raise ValueError("must be printable ASCII, up to 500 characters, no space at its ends")
    return value


Duration = Annotated[float, BeforeValidator(seconds)]
"""Seconds, above zero; written `"2s"`, `"1h30m"` or as a plain number."""

Margin = Annotated[float, BeforeValidator(_seconds_or_none_at_all)]
"""Seconds; like a Duration, and zero is allowed."""

Count = Annotated[int, BeforeValidator(_count)]
CountOrNone = Annotated[int, BeforeValidator(_count_or_none_at_all)]
Port = Annotated[int, BeforeValidator(_port)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Capacity = Annotated[float, BeforeValidator(_capacity)]
RestoreRate = Annotated[float, BeforeValidator(_restore_rate)]
Text = Annotated[str, BeforeValidator(_text)]
Header = Annotated[str, BeforeValidator(_header)]

"""Reading what people give the sandbox, with sentences for what is wrong."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

AMOUNT = re.compile(r"\d+(\.\d{1,2})?", re.ASCII)


class BadSetting(ValueError):
    """A switch, a fault, a quota or a staged order that cannot be; a sentence says why."""


class Fields:
    """The JSON object of a request about one thing; only the `known` names may stand in it."""

    def __init__(self, values: Mapping[str, object], what: str, known: Sequence[str]) -> None:
        self._values = values
        self._what = what
        for name in values:
            if name not in known:
                raise BadSetting(f"{what} has no field {name!r}; there are {', '.join(known)}.")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """The text, or None if it is absent or null."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise BadSetting(f"{self._what}: {name} is text, not {value!r}.")

    def word(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is None or value in allowed:
            return value
        raise BadSetting(f"{self._what}: {name} is {value!r}; allowed: {', '.join(allowed)}.")

    def words(self, name: str, allowed: Sequence[str] | None = None) -> tuple[str, ...]:
        value = self._values.get(name, ())
        if isinstance(value, Sequence) and not isinstance(value, str):
            members = tuple(value)
            if allowed is not None and (odd := [one for one in members if one not in allowed]):
                raise BadSetting(
                    f"{self._what}: {name} has {odd[0]!r}; allowed: {', '.join(allowed)}."
                )
            if all(isinstance(member, str) for member in members):
                return members
        raise BadSetting(f"{self._what}: {name} is a list of texts, not {value!r}.")

    def amount(self, name: str) -> Decimal | None:
        """Money written as text, `"12.50"`."""
        value = self.text(name)
        if value is None or AMOUNT.fullmatch(value):
            return None if value is None else Decimal(value)
        raise BadSetting(f'{self._what}: {name} is money as in "12.50", not {value!r}.')

    def number(self, name: str) -> float | None:
        """A number of at least 0, or None if it is absent or null."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
            return float(value)
        raise BadSetting(f"{self._what}: {name} is a number of at least 0, not {value!r}.")

    def flag(self, name: str) -> bool:
        value = self._values.get(name, False)
        if isinstance(value, bool):
            return value
        raise BadSetting(f"{self._what}: {name} is true or false, not {value!r}.")

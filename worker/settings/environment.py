"""`ORDER_WORKER_LEDGER__URL` and the like, as a source of settings.

Not pydantic-settings' own reader: that one decodes whatever looks like JSON (an API key of
digits would become a number) and knows one rule of case for a whole name. Here sections and
keys are matched whatever their case, while the names that people chose keep their spelling:

* A seller or operation of the file is matched as spelt, else whatever its case, else with `_`
  for each character that a shell cannot spell: `SELLERS__LOOK_ME_COM__REGION` means
  `[sellers."look@me.com"]`. An id that contains two underscores is matched as a whole.
* One that is not in the file is taken as spelt.

A variable that holds a secret itself becomes a reference to that variable.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from worker.settings.mistakes import KeyPath, Mistake, dotted
from worker.settings.references import is_secret

PREFIX = "ORDER_WORKER_"
_LEVEL = "__"
_OTHER = {"env": "file", "file": "env"}


class Environment(PydanticBaseSettingsSource):
    """The overrides of an environment over the tables of a file."""

    def __init__(
        self,
        settings: type[BaseSettings],
        environ: Mapping[str, str],
        file: Mapping[str, Any],
    ) -> None:
        super().__init__(settings)
        self.variables: dict[KeyPath, str] = {}
        self.mistakes: list[Mistake] = []
        self._tables: dict[str, Any] = {}
        options = {f"{PREFIX}{s}_{k}".upper(): (s, k) for s, k in _options(settings)}
        for variable in sorted(environ):
            if variable.startswith(PREFIX) and _LEVEL in variable:
                self._override(variable, environ[variable], file)
            elif option := options.get(variable):
                right = f"{PREFIX}{_LEVEL.join(option).upper()}"
                rule = f"{variable} has one underscore between the levels; write {right}"
                self.mistakes.append(Mistake((), rule))

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._tables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._tables

    def _override(self, variable: str, value: str, file: Mapping[str, Any]) -> None:
        try:
            path = _path(variable.removeprefix(PREFIX), file)
        except ValueError as error:
            self.mistakes.append(Mistake((), f"{variable}: {error}"))
            return
        if path in self.variables:
            rule = f"is set by {self.variables[path]} and by {variable}; keep one"
            self.mistakes.append(Mistake(path, rule))
            return
        self.variables[path] = variable
        *tables, key = path
        table = self._tables
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                rule = f"{variable} reaches into a key that another variable sets"
                self.mistakes.append(Mistake((), rule))
                return
        if tables[:1] == ["sellers"] and len(tables) > 1 and is_secret(key, value):
            table[key] = {"env": variable, "file": None}
        else:
            table[key] = value
        if tables[:1] == ["sellers"] and len(tables) > 2 and key in _OTHER:  # noqa: PLR2004
            table.setdefault(_OTHER[key], None)  # instead of the file's kind of reference


def _options(settings: type[BaseSettings]) -> Iterable[KeyPath]:
    for section, field in settings.model_fields.items():
        for key in getattr(field.annotation, "model_fields", {}):
            yield section, key


def _path(name: str, file: Mapping[str, Any]) -> KeyPath:
    """The key that a variable names. Raises ValueError if two names of the file fit."""
    section, _, rest = name.partition(_LEVEL)
    path: tuple[str, ...] = (section.lower(),)
    table = file.get(path[0])
    while rest:
        chosen = path == ("sellers",) or (len(path) == 3 and path[2] == "quotas")  # noqa: PLR2004
        key, rest = _step(rest, table if isinstance(table, Mapping) else {}, as_spelt=chosen)
        path = (*path, key)
        table = table.get(key) if isinstance(table, Mapping) else None
    if len(path) == 1 or not all(path):
        raise ValueError(f"names no key ({dotted(path)}); give section{_LEVEL}key")
    return path


def _step(rest: str, table: Mapping[str, Any], *, as_spelt: bool) -> tuple[str, str]:
    """Split the next key from the rest of a name; keys of the file come first, the longest."""
    spellings = (str, str.upper, _in_a_shell) if as_spelt else (str.upper,)
    for spelling in spellings:
        found = [
            key
            for key in table
            if spelling(rest[: len(key)]) == spelling(key)
            and f"{rest[len(key) :]}{_LEVEL}".startswith(_LEVEL)
        ]
        longest = [key for key in found if len(key) == max(map(len, found))]
        if len(longest) > 1:
            raise ValueError(f"fits {' and '.join(map(dotted, ((k,) for k in longest)))} alike")
        if longest:
            return longest[0], rest[len(longest[0]) + len(_LEVEL) :]
    key, _, rest = rest.partition(_LEVEL)
    return key if as_spelt else key.lower(), rest


def _in_a_shell(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()

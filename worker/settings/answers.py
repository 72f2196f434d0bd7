"""From pydantic's findings to sentences about the file."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from worker.masking import masked
from worker.settings.mistakes import KeyPath, Mistake, Several, as_written, nearest

_RULES = {
    "missing": "is needed and not given",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
}


def mistakes_of(
    error: ValidationError, model: type[BaseModel], variables: Mapping[KeyPath, str]
) -> Iterable[Mistake]:
    """Every finding as a line; `variables` tells which keys the environment has set."""
    for finding in error.errors(include_url=False):
        for mistake in _of(finding, model):
            yield replace(mistake, variable=variables.get(mistake.path))


def _of(finding: ErrorDetails, model: type[BaseModel]) -> Iterable[Mistake]:
    # "[key]" is how pydantic marks the name of a table, "options" how settings hold what
    # only a seller's provider knows: neither stands in the file.
    path = tuple(str(part) for part in finding["loc"] if part != "[key]")
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, Several):
        for mistake in cause.mistakes:
            yield Mistake(path[:-1] + mistake.path, mistake.rule)
    elif finding["type"] == "extra_forbidden":
        yield Mistake(path, _unknown(path, model))
    else:
        rule = str(cause) if cause else _RULES.get(finding["type"], finding["msg"])
        missing = finding["type"] == "missing"
        yield Mistake(path, rule, None if missing else _value(path, finding["input"]))


def _value(path: KeyPath, value: object) -> str | None:
    """What may be shown: a seller's own keys may hold anything, a URL a password."""
    if path[-1] == "url":
        return as_written(masked(value)) if isinstance(value, str) else as_written(value)
    if path[-1] == "shop_url":
        return None
    if path[0] != "sellers" or {"quotas", "stale"} & set(path) or path[-1] == "provider":
        return as_written(value)
    return None


def _unknown(path: KeyPath, model: type[BaseModel]) -> str:
    return f"is not an option; {nearest(path[-1], _keys(model, path[:-1]))}"


def _plain(annotation: Any) -> Any:
    """The model behind `Annotated[Model, …]` and `Model | None`."""
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if type(None) in get_args(annotation):
        return _plain(get_args(annotation)[0])
    return annotation


def _keys(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys of the table at `path`."""
    table: Any = model
    for part in path:
        fields = getattr(table, "model_fields", {})
        table = _plain(fields[part].annotation if part in fields else get_args(table)[-1])
    return getattr(table, "model_fields", {})

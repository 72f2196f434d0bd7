"""A row that this version can read: its words are known, its numbers finite, its JSON is JSON.

What cannot be read has this finding alone: no other rule can say anything of it.
"""

import json
import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Float, Integer, Row, Table

from worker.domain.jobs import Effect, State, Step, Task, WaitingFor
from worker.domain.outcomes import Outcome
from worker.ledger.columns import is_json
from worker.ledger.schema import attempts, jobs, transitions
from worker.ledger.verification.finding import OfOrder, Wrong
from worker.ledger.verification.histories import JobHistory, OrderHistory

WORDS: dict[str, dict[str, type[StrEnum]]] = {
    jobs.name: {
        "task": Task,
        "state": State,
        "step": Step,
        "effect": Effect,
        "waiting_for": WaitingFor,
    },
    attempts.name: {"step": Step, "outcome": Outcome},
    transitions.name: {},
}
SUBJECTS = frozenset({"job", "order", "details"})
SHAPES: dict[str, type] = {
    "stale_states": list,
    "receipt": dict,
    "error": dict,
    "options": dict,
    "trace": dict,
}
LAST_MOMENT = 253402300799.0  # the end of the year 9999, in epoch seconds

Check = Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LAST_MOMENT


def _is_whole(value: object) -> bool:
    return isinstance(value, int)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_word(words: type[StrEnum]) -> Check:
    known = frozenset(words)
    return lambda value: value in known


def _is_json(shape: type) -> Check:
    def check(value: object) -> bool:
        try:
            return value == "null" or isinstance(json.loads(str(value)), shape)
        except ValueError:
            return False

    return check


def _check(table: Table, column: Column[Any]) -> Check | None:
    words = WORDS[table.name].get(column.name)
    if words is not None:
        return _is_word(words)
    if is_json(column):
        return _is_json(SHAPES[column.name])
    if isinstance(column.type, Float):
        return _is_number
    return _is_whole if isinstance(column.type, Integer) else None


CHECKS: dict[str, list[tuple[int, str, bool, Check]]] = {
    table.name: [
        (place, column.name, bool(column.nullable), check)
        for place, column in enumerate(table.c)
        if (check := _check(table, column)) is not None
    ]
    for table in (jobs, attempts, transitions)
}


# All numbers of a row at once: a sum tells whether one of them may be none.
NUMBERS = {
    table.name: itemgetter(
        *(place for place, each in enumerate(table.c) if isinstance(each.type, Float | Integer))
    )
    for table in (jobs, attempts, transitions)
}
OTHERS = {
    name: [each for each in checks if each[3] not in {_is_number, _is_whole}]
    for name, checks in CHECKS.items()
}


def odd_columns(table: Table, row: Row[Any]) -> Iterator[str]:
    checks = OTHERS if _has_numbers(table, row) else CHECKS
    for place, name, may_be_null, check in checks[table.name]:
        value = row[place]
        if not (may_be_null if value is None else check(value)):
            yield f"{name} is {_shown(name, value)}"


def _has_numbers(table: Table, row: Row[Any]) -> bool:
    try:
        return _is_number(sum(filter(None, NUMBERS[table.name](row))))
    except TypeError:
        return False


def _shown(name: str, value: object) -> str:
    """A value for people; of what may hold a buyer's data only what is wrong with it."""
    return "no JSON of its kind" if name in SHAPES else repr(value)[:80]


def _of_job(each: JobHistory) -> Iterator[str]:
    yield from odd_columns(jobs, each.job)
    for call in (*each.reserved, *each.calls):
        yield from (f"attempt {call.number}: {odd}" for odd in odd_columns(attempts, call))
    for step in (*each.steps, *each.other_steps):
        yield from (f"transition {step.id}: {odd}" for odd in odd_columns(transitions, step))
        if step.subject not in SUBJECTS:
            yield f"transition {step.id}: subject is {step.subject!r}"


def _unreadable(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        for odd in _of_job(each):
            yield Wrong(each.id, odd)


READABLE = OfOrder(
    10,
    "Every row can be read.",
    "Correct the value if you know it. Was it written by a newer version, leave it to that one."
    " Until then workers pass the job over, and its neighbours go on.",
    _unreadable,
)

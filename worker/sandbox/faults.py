"""Faults on demand: rules of one form, from a file, a control request or a test.

A rule is an object with these keys, all optional but one of the last six:

    match        which requests: `provider` (amazon_pay, seller_center), `operation`, `order_id`,
                 `seller` as text with wildcards (`S01-*`), and `nth`, the number of the request
                 among those that match the rest, from 1 (`order_id` is what the request names:
                 in Seller Center's reads the parent order)
    skip         let so many matching requests pass first (default 0)
    times        act so many times; null for ever (default 1)
    probability  act on this share of the rest, drawn from a seeded generator (default 1)
    when         "before" or "after" the operation is applied (default "before")

    staged       somebody else changes the order at that point: the fields of a staged order, and
                 `order_id` where it is not the one that the request names
    delay        wait so many seconds at that point, then go on
    answer       answer this instead: `status` and `code` (with an optional `message`) give the
                 provider's error document, or `body`: "html", "empty", "plain", "truncated" (the
                 whole length is announced, half is sent) or any other text; `headers` are added
    cut          true: close the connection without an answer
    clock_skew   the server's clock and Date header are so many seconds ahead (for this request)
    read_lag     reads see the past of so many seconds ago

A request meets the first rule that acts. Rules count only requests that have passed every check
up to the quota, so each takes its token; a rule with `clock_skew` counts arrivals instead.

    {"match": {"operation": "ConfirmOrderReference"}, "times": 1, "when": "after", "cut": true}
"""

import json
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, cast

from worker.sandbox.exchange import Call
from worker.sandbox.fields import BadSetting

When = Literal["before", "after"]
PATTERNS = ("provider", "operation", "order_id", "seller")
EFFECTS = ("staged", "delay", "answer", "cut", "clock_skew", "read_lag")
TABLES = "fault"  # [[fault]], in TOML
KEYS = ("match", "skip", "times", "probability", "when", *EFFECTS)
SERVER_ERRORS = 500
ANSWER_KEYS = ("status", "code", "message", "body", "headers")


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say instead. Without a code and a body it is an HTML page."""

    status: int | None
    code: str | None
    message: str | None
    body: str | None
    headers: Mapping[str, str]


@dataclass(slots=True)
class Fault:
    """One rule and how often it was met and acted."""

    source: Mapping[str, object]
    patterns: Mapping[str, str] = field(default_factory=dict)
    nth: int | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    when: When = "before"
    staged: Mapping[str, object] | None = None
    delay: float = 0.0
    answer: Answer | None = None
    cut: bool = False
    clock_skew: float | None = None
    read_lag: float | None = None
    met: int = 0
    acted: int = 0

    def matches(self, call: Call) -> bool:
        return all(
            fnmatchcase(str(getattr(call, name) or ""), pattern)
            for name, pattern in self.patterns.items()
        )

    def acts(self, chance: random.Random) -> bool:
        """Count one matching request, and say whether the rule acts on it."""
        if self.times is not None and self.acted >= self.times:
            return False
        self.met += 1
        due = self.met > self.skip and (self.nth is None or self.met == self.nth)
        if not due or (self.probability < 1 and chance.random() >= self.probability):
            return False
        self.acted += 1
        return True


NO_FAULT = Fault(source={})


class Faults:
    """The rules in force, in order. The front holds its lock around `meet`."""

    def __init__(self, rules: Sequence[Mapping[str, object]] = (), seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._rules = [read(rule) for rule in rules]

    def add(self, rule: Mapping[str, object]) -> None:
        self._rules.append(read(rule))

    def replace(self, rules: Sequence[Mapping[str, object]]) -> None:
        self._rules = [read(rule) for rule in rules]

    def meet(self, call: Call, *, arriving: bool) -> Fault | None:
        """The rule that acts on this request now, if one does."""
        for rule in self._rules:
            if (
                (rule.clock_skew is not None) is arriving
                and rule.matches(call)
                and rule.acts(self._chance)
            ):
                return rule
        return None

    def shown(self) -> list[dict[str, object]]:
        """The rules as they were given, each with its counts."""
        return [{**rule.source, "met": rule.met, "acted": rule.acted} for rule in self._rules]


def load(path: Path) -> list[Mapping[str, object]]:
    """The rules of a file: a JSON list, or TOML with [[fault]] tables. Raises BadSetting."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        tables = tomllib.loads(text)
        if unknown := [key for key in tables if key != TABLES]:
            raise BadSetting(f"{path} has {', '.join(unknown)}: write its rules as [[{TABLES}]].")
        rules: object = tables.get(TABLES)
    else:
        rules = json.loads(text)
    if not isinstance(rules, list) or not rules:
        raise BadSetting(f"{path} holds no list of faults: write [{{…}}, …] or [[fault]] tables.")
    for rule in rules:
        read(rule)
    return cast("list[Mapping[str, object]]", rules)


def read(rule: object) -> Fault:
    """Validate one rule; raises BadSetting with a sentence that says what to change."""
    fields = _table(rule, "A fault", KEYS)
    if not any(effect in fields for effect in EFFECTS):
        raise BadSetting(f"A fault does nothing: give it one of {', '.join(EFFECTS)}.")
    match = _table(fields.get("match", {}), "A fault's match", (*PATTERNS, "nth"))
    when = fields.get("when", "before")
    if when not in ("before", "after"):
        raise BadSetting(f'A fault\'s when is {when!r}; it is "before" or "after".')
    if not isinstance(fields.get("cut", False), bool):
        raise BadSetting("A fault's cut is true or false.")
    return Fault(
        source=dict(fields),
        patterns={name: _text(match[name], name) for name in PATTERNS if name in match},
        nth=_count(match, "nth", None, least=1),
        skip=_count(fields, "skip", 0) or 0,
        times=_count(fields, "times", 1),
        probability=_number(fields, "probability", most=1.0, default=1.0) or 0.0,
        when=when,
        staged=_table(fields["staged"], "A fault's staged") if "staged" in fields else None,
        delay=_number(fields, "delay", default=0.0) or 0.0,
        answer=_answer(fields["answer"]) if "answer" in fields else None,
        cut=bool(fields.get("cut", False)),
        clock_skew=_number(fields, "clock_skew", least=None),
        read_lag=_number(fields, "read_lag"),
    )


def _answer(value: object) -> Answer:
    fields = _table(value, "A fault's answer", ANSWER_KEYS)
    status = _count(fields, "status", None, least=100)
    code, message, body = (
        _text(fields[name], name) if name in fields else None
        for name in ("code", "message", "body")
    )
    if code is None and body is None and (status is None or status < SERVER_ERRORS):
        raise BadSetting("A fault's answer needs a code, a body, or a status from 500 on.")
    headers = fields.get("headers", {})
    if not isinstance(headers, Mapping):
        raise BadSetting("A fault's headers are a table of name = text.")
    return Answer(
        status, code, message, body, {str(name): str(text) for name, text in headers.items()}
    )


def _table(value: object, what: str, keys: Sequence[str] | None = None) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BadSetting(f"{what} is an object, not {value!r}.")
    for key in value if keys is not None else ():
        if keys is not None and key not in keys:
            raise BadSetting(f"{what} has no key {key!r}; there are {', '.join(keys)}.")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise BadSetting(f"A fault's {name} is text, not {value!r}.")
    return value


def _count(
    fields: Mapping[str, object], name: str, default: int | None, *, least: int = 0
) -> int | None:
    value = fields.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadSetting(f"A fault's {name} is a whole number from {least} on, not {value!r}.")
    return value


def _number(
    fields: Mapping[str, object],
    name: str,
    *,
    least: float | None = 0.0,
    most: float = float("inf"),
    default: float | None = None,
) -> float | None:
    value = fields.get(name, default)
    if value is None:
        return None
    right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right or not ((least is None or value >= least) and value <= most):  # type: ignore[operator]
        raise BadSetting(f"A fault's {name} is {value!r}, which is no number that it can be.")
    return float(cast("float", value))

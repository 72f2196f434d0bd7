"""A job's history for a page: what happened, in the order in which it did, and how long it took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from worker.domain.telling import AWAITED, BASIS, FINAL, lasting

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """`at` and `until` are ISO times; `kind` is a state, an outcome, or what it is about."""

    at: str
    place: int  # among events of one moment
    kind: str
    title: str
    note: str = ""
    until: str | None = None

    @property
    def lasted(self) -> str:
        if self.until is None:
            return ""
        began, ended = map(datetime.fromisoformat, (self.at, self.until))
        return lasting(max(0.0, (ended - began).total_seconds()))


def events(job: Told) -> list[Event]:
    return sorted([*_transitions(job), *_attempts(job)], key=lambda event: (event.at, event.place))


def next_step(job: Told) -> str:
    """What comes next of a job, or why nothing does; when, the page says beside it."""
    if job["state"] in FINAL:
        return FINAL[job["state"]].capitalize()
    if job["state"] == "running":
        return "A worker has it now"
    if job["state"] == "in_doubt":
        return "The order is looked up: a request may have been applied"
    return f"Waits for {AWAITED.get(job['waiting_for'], 'its turn')}"


def outcome(attempt: Told) -> str:
    """What an attempt came to, in words; a lookup applies nothing."""
    if attempt["outcome"] == "applied" and _is_lookup(attempt):
        return "answered"
    return str(attempt["outcome"] or "in flight").replace("_", " ")


def receipt(job: Told) -> dict[str, Any]:
    """What a receipt tells beside the job's own words."""
    told = {name: value for name, value in (job["receipt"] or {}).items() if name not in job}
    if basis := told.get("basis"):
        told["basis"] = BASIS.get(basis, basis)
    return told


def _is_lookup(attempt: Told) -> bool:
    return str(attempt["step"]).startswith("lookup")


def _transitions(job: Told) -> Iterator[Event]:
    own = [each for each in job["transitions"] if each["subject"] == "job"]
    ends = {id(one): other["at"] for one, other in pairwise(own)}
    for each in job["transitions"]:
        kind = each["to"] if each["subject"] == "job" else str(each["subject"])
        title, note = _words(each)
        if title:
            yield Event(each["at"], 3, kind, title, note, ends.get(id(each)))


def _words(each: Told) -> tuple[str, str]:
    to, actor, why = each["to"], each["actor"], each["why"] or ""
    if each["subject"] == "details":
        return f"The buyer's details were {to} by {actor}", why
    if each["subject"] == "order":
        return f"The order is {to}", ""
    if each["from"] is None and to == "waiting":
        return f"Accepted from {actor}", ""
    if each["from"] == "failed":
        return f"Retried by {actor}", why
    if to == "running":
        return "", ""  # the attempt tells it
    if to == "waiting":
        return f"Waits for {AWAITED.get(each['waiting_for'], 'its turn')}", why
    return ("In doubt" if to == "in_doubt" else f"{to.capitalize()} by {actor}"), why


def _attempts(job: Told) -> Iterator[Event]:
    for each in job["attempts"]:
        status = "no answer" if each["status"] is None else f"HTTP {each['status']}"
        said = ": ".join(filter(None, (each["code"], each["message"])))
        words = (outcome(each), status if each["finished_at"] else "", said)
        verb = "Looked up with" if _is_lookup(each) else "Sent"
        yield Event(
            each["claimed_at"],
            1,
            f"attempt-{each['outcome'] or 'none'}",
            f"{verb} {each['operation']}",
            " · ".join(filter(None, words)),
            each["finished_at"],
        )

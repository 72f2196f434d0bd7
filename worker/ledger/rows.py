"""Rows of the ledger as the domain's values, and back."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from worker.domain.bucket import Bucket
from worker.domain.jobs import Effect, Job, Request, State, Step, Task, WaitingFor
from worker.domain.learning import LEAST

COLUMNS = tuple(field.name for field in fields(Bucket))

NUMBERS = ("capacity", "rate", "margin", "level", "level_at", "open_at", "closed_at", "served_at")
# Until the configuration's numbers are written anew, by the next call that is let go.
SAFE = {
    "capacity": 1.0,
    "rate": 1.0,
    "margin": 0.0,
    "level": 0.0,
    "open_at": 0.0,
    "closed_at": 0.0,
    "served_at": 0.0,
    "read_at": None,
}
RATES = ("slowed_to", "stated_rate", "learned_rate")
TIMES = ("learned_at", "accepted_since")
WAVERS = 1.0  # seconds by which what was learned may be of later than the level
UNLEARNED = {"slowed_to": None, "stated_rate": None, "learned_rate": None, "accepted": 0.0}
UNLEARNED |= {"accepted_since": None, "learned_at": None}


def job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        seq=row.seq,
        request=request(row),
        state=State(row.state),
        step=Step(row.step),
        effect=Effect(row.effect),
        accepted_at=row.accepted_at,
        due_at=row.due_at,
        deadline=row.deadline,
        give_up_at=row.give_up_at,
        waiting_for=WaitingFor(row.waiting_for) if row.waiting_for else None,
        attempt_count=row.attempt_count,
        sends=row.sends,
        costs=row.costs,
        backoffs=row.backoffs,
        doubt_since=row.doubt_since,
        not_applied_at=row.not_applied_at,
        sent_at=row.sent_at,
        lost_leases=row.lost_leases,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        retries=row.retries,
        trace=row.trace,
        receipt=row.receipt,
        error=row.error,
    )


def request(row: Row[Any]) -> Request:
    return Request(
        task=Task(row.task),
        seller=row.seller,
        order_id=row.order_id,
        reason=row.reason,
        reason_detail=row.reason_detail,
        parent_order_id=row.parent_order_id,
        success_url=row.success_url,
        failure_url=row.failure_url,
        priority=row.priority,
        key=row.key,
        stale_states=None if row.stale_states is None else tuple(row.stale_states),
    )


def bucket(row: Row[Any]) -> Bucket:
    return bucket_of(row._asdict())


def bucket_of(values: Mapping[str, Any]) -> Bucket:
    """A row of `buckets`. What nobody of ours can have written in it gives no token away."""
    why = values["closed_for"]
    sane = _is_sane(values)
    level = min(max(values["level"], 0.0), values["capacity"]) if sane else 0.0
    at = values["level_at"] if _is_number(values["level_at"]) else 0.0
    numbers: dict[str, Any] = {"level": level} if sane else {**SAFE, "level_at": at}
    if not (sane and _is_learned(values)):
        numbers |= UNLEARNED
    if not _is_number(values["read_at"]):
        numbers["read_at"] = None
    return Bucket(**{**values, **numbers, "closed_for": WaitingFor(why) if why else None})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_sane(values: Mapping[str, Any]) -> bool:
    if not all(_is_number(values[name]) for name in NUMBERS):
        return False
    return bool(values["capacity"] >= 1.0 and values["rate"] > 0.0)


def _is_learned(values: Mapping[str, Any]) -> bool:
    """Whether what a bucket has learned can be reckoned with."""
    rates = [values[name] for name in RATES if values[name] is not None]
    times = [values[name] for name in TIMES if values[name] is not None]
    if not all(_is_number(each) for each in (*rates, *times, values["accepted"])):
        return False
    # A token that comes in a hundred years would keep everybody from looking again.
    least, latest = 0.99 * LEAST * values["rate"], values["level_at"] + WAVERS
    possible = all(rate >= least for rate in rates) and all(at <= latest for at in times)
    return possible and values["accepted"] >= 0.0


def columns(value: Bucket) -> dict[str, Any]:
    return {name: getattr(value, name) for name in COLUMNS}

"""A job as JSON: the words of the public interface, times in ISO 8601 (UTC)."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Row

from worker.domain.expectation import NOTHING, Expectation
from worker.domain.jobs import State, WaitingFor

Portrait: TypeAlias = dict[str, Any]

# What is taken from a row as it stands.
ARGUMENTS = ("task", "seller", "order_id", "parent_order_id", "reason", "reason_detail")
FIRST, LAST = -62135596800.0, 253402300799.0  # the years 1 and 9999, in epoch seconds
OF_ATTEMPT = ("outcome", "status", "code", "message", "request_id")


def of_job(
    row: Row[Any],
    *,
    waiting_for: WaitingFor | None,
    expected: Expectation = NOTHING,
    attempts: Sequence[Row[Any]],
    transitions: Sequence[Row[Any]],
    details: bool,
) -> Portrait:
    """A row of `jobs` with its history. Only with `details` the receipt has the buyer's data.

    `worker` and `lease_until` are of a job that is running: who holds it, and until when.
    """
    is_held = row.state == State.RUNNING
    return {
        "id": row.id,
        **{name: getattr(row, name) for name in ARGUMENTS},
        "priority": row.priority,
        "state": row.state,
        "waiting_for": None if waiting_for is None else str(waiting_for),
        "effect": row.effect,
        "attempt_count": row.attempt_count,
        "attempts": [_attempt(attempt) for attempt in attempts],
        "accepted_at": time(row.accepted_at),
        "due_at": time(row.due_at),
        "expected_at": time(expected.at),
        "expected_basis": expected.basis,
        "finished_at": time(row.finished_at),
        "worker": row.worker if is_held else None,
        "lease_until": time(row.lease_until) if is_held else None,
        "receipt": _receipt(row, details=details),
        "error": row.error,
        "transitions": [transition(each) for each in transitions],
    }


def time(at: float | None) -> str | None:
    """Epoch seconds as `2026-01-31T23:59:59.123Z`; what is beyond the calendar as its end."""
    if at is None or math.isnan(at):
        return None
    within = min(max(at, FIRST), LAST)
    text = datetime.fromtimestamp(within, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _receipt(row: Row[Any], *, details: bool) -> Portrait | None:
    """A confirm that still waits for its details has a part of one, which is not shown."""
    if row.state != State.SUCCEEDED or row.receipt is None:
        return None
    return {name: value for name, value in row.receipt.items() if details or name != "details"}


def _attempt(row: Row[Any]) -> Portrait:
    return {
        "number": row.number,
        "operation": row.operation,
        "step": row.step,
        "claimed_at": time(row.claimed_at),
        "finished_at": time(row.finished_at),
        **{name: getattr(row, name) for name in OF_ATTEMPT},
    }


def transition(row: Row[Any]) -> Portrait:
    """A row of `transitions`, of a job or of an order."""
    return {
        "at": time(row.at),
        "subject": row.subject,  # the job's own state, its order's at the provider, or details
        "from": row.old,
        "to": row.new,
        "waiting_for": row.waiting_for,
        "actor": row.actor,
        "why": row.why,
    }

"""The calls of an order go one at a time, and are counted as they were made."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import Row

from worker.domain.jobs import State, Step
from worker.domain.outcomes import Outcome
from worker.ledger.verification.finding import BY_HAND, LOOK_AT_PROVIDER, OfOrder, Wrong
from worker.ledger.verification.histories import JobHistory, OrderHistory

Call = Row[Any]
COSTS = frozenset({Outcome.REFUSED, Outcome.UNKNOWN})
APART = 0.01  # seconds by which two times of one transaction may differ


def _at_once(order: OrderHistory) -> Iterator[Wrong]:
    """By the transitions as they were written, whatever the clock says."""
    running: dict[str, JobHistory] = {}
    for each, step in order.steps():
        if step.new != State.RUNNING:
            running.pop(each.id, None)
        elif step.why != Step.DETAILS:  # applied, or waiting for the buyer: it holds nobody up
            for other in running.values():
                yield Wrong(each.id, f"began to run (transition {step.id}) while {other.id} ran")
            running[each.id] = each


def _overlapping(order: OrderHistory) -> Iterator[Wrong]:
    calls = [one for one in order.calls() if one[1].step != Step.DETAILS]
    for (each, one), (other, next_one) in pairwise(calls):
        if one.finished_at is None:
            yield Wrong(other.id, f"attempt {next_one.number} went while {_named(each, one)} did")
        elif (
            one.claimed_at <= next_one.claimed_at < one.finished_at - APART
            and not _clock_went_back(order, next_one.claimed_at)
        ):
            ended = f"{_named(each, one)} was not back"
            yield Wrong(other.id, f"attempt {next_one.number} went while {ended}")


def _named(each: JobHistory, call: Call) -> str:
    return f"attempt {call.number} of job {each.id}"


def _clock_went_back(order: OrderHistory, to: float) -> bool:
    """Whether the order's own steps have been written at a later time before `to`."""
    return any(
        one.at > other.at and other.at <= to + APART and to < one.at
        for (_, one), (_, other) in pairwise(order.steps())
    )


def _without_row(order: OrderHistory) -> Iterator[Wrong]:
    if order.order is None and any(each.calls for each in order.jobs):
        yield Wrong(None, "its jobs have sent requests, and the order has no row")


def _counts(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        job, calls, writes = each.job, each.calls, each.writes
        if [call.number for call in calls] != list(range(1, job.attempt_count + 1)):
            kept = ", ".join(str(call.number) for call in calls) or "none"
            yield Wrong(each.id, f"counts {job.attempt_count} attempts; there are {kept}")
        elif job.sends != len(writes):
            yield Wrong(each.id, f"counts {job.sends} sends; {len(writes)} were made")
        failed = sum(call.outcome in COSTS for call in writes)
        if job.costs > failed + job.lost_leases:
            yield Wrong(
                each.id,
                f"counts {job.costs} sends against max_attempts, and {failed} of them were refused"
                " or unknown",
            )


def _in_flight(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        running = each.job.state == State.RUNNING
        for call in (*each.calls, *each.reserved):
            if call.finished_at is None and not running:
                which = f"attempt {call.number}" if call.number else "a token"
                yield Wrong(each.id, f"{which} is in flight, and the job is {each.job.state}")
            if (call.finished_at is None) != (call.outcome is None):
                yield Wrong(each.id, f"attempt {call.number} has not both end and outcome")


RULES = (
    OfOrder(3, "The jobs of an order run one at a time.", LOOK_AT_PROVIDER, _at_once),
    OfOrder(3, "The calls of an order go one at a time.", LOOK_AT_PROVIDER, _overlapping),
    OfOrder(
        3,
        "An order that was claimed has a row: its lock.",
        "Nothing at once: the next claim makes it. If the order was kept or in doubt, keep it"
        " again, or look it up at the provider.",
        _without_row,
    ),
    OfOrder(
        4,
        "Only a running job has a call in flight.",
        "Set finished_at and outcome ('unknown') of the attempt: it holds a token until then.",
        _in_flight,
    ),
    OfOrder(
        6,
        "Attempts are counted as they were made, and only refused and unknown ones against"
        " max_attempts.",
        BY_HAND,
        _counts,
    ),
)

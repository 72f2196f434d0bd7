"""What a job's row says of itself, and what its transitions say of it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import Row

from worker.domain.jobs import FINAL, LONGEST_LEASE, State
from worker.domain.states import TRANSITIONS
from worker.domain.unanswered import LOST_LEASES
from worker.ledger.verification.finding import OfOrder, Wrong
from worker.ledger.verification.histories import JobHistory, OrderHistory

BACK = 1.0  # seconds by which a transition may seem to come before the one it follows
LONGEST_WAIT = 10 * 365 * 86400.0  # seconds until a due time that is somebody's slip


def _unlike_last_transition(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        last = each.steps[-1].new if each.steps else None
        if last is None:
            yield Wrong(each.id, f"is {each.job.state}, and has no transition")
        elif each.job.state != last:
            yield Wrong(each.id, f"is {each.job.state}, and its last transition went to {last}")


def _unchained(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        before = None
        for step in each.steps:
            if step.old != before:
                went = f"transition {step.id} goes from {_named(step.old)} to {step.new}"
                yield Wrong(each.id, f"{went}, and the job was {_named(before)}")
            elif step.new not in TRANSITIONS.get(step.old, frozenset()):
                yield Wrong(
                    each.id,
                    f"transition {step.id}: no job goes from {_named(step.old)} to {step.new}",
                )
            before = step.new


def _named(state: str | None) -> str:
    return "nothing" if state is None else state


def _back_in_time(order: OrderHistory) -> Iterator[Wrong]:
    """Of the order's transitions: several that go back together are a clock that was set."""
    for each in order.jobs:
        for one, other in pairwise(each.steps):
            back = one.at - other.at
            if back > BACK and not _clock_went_back(order, one, other):
                what = f"transition {other.id} is {back:.0f} s before transition {one.id}"
                yield Wrong(each.id, f"{what}, which it follows")


def _clock_went_back(order: OrderHistory, one: Row[Any], other: Row[Any]) -> bool:
    """Whether the time after it is as early, or the present is."""
    later = [step.at for _, step in order.steps() if step.id > other.id]
    return order.now < one.at or any(at < one.at for at in later)


def _held_wrongly(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        job = each.job
        running = job.state == State.RUNNING
        for name in ("lease_until", "worker"):
            there = getattr(job, name) is not None
            if there != running:
                has = f"has {'a' if there else 'no'} {name}"
                yield Wrong(each.id, f"is {job.state} and {has}")
        ahead = (job.lease_until or 0.0) - order.now
        if running and ahead > LONGEST_LEASE:
            yield Wrong(each.id, f"is leased for another {ahead:.0f} s")


def _without_end(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        job = each.job
        final = job.state in FINAL
        if final != (job.finished_at is not None):
            is_so = "has no finished_at" if final else "has a finished_at"
            yield Wrong(each.id, f"is {job.state} and {is_so}")
        if final and job.ready:
            yield Wrong(each.id, f"is {job.state} and ready to run")
        for name in () if final else ("due_at", "deadline"):
            if getattr(job, name) - order.now > LONGEST_WAIT:
                years = (getattr(job, name) - order.now) / (365 * 86400)
                yield Wrong(each.id, f"is {job.state}, and its {name} is {years:.0f} years ahead")


def _lost_too_often(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        lost = each.job.lost_leases
        if each.job.state not in FINAL and lost >= LOST_LEASES:
            yield Wrong(each.id, f"is {each.job.state} and has lost {lost} leases")


def _key(order: OrderHistory) -> Iterator[Wrong]:
    holders: dict[str, JobHistory] = {}
    for each in order.jobs:
        job = each.job
        if job.holds_key and job.state in FINAL and job.state != State.SUCCEEDED:
            yield Wrong(each.id, f"is {job.state} and holds the key {job.key!r}")
        elif not job.holds_key and job.state not in FINAL:
            yield Wrong(each.id, f"is {job.state} and does not hold its key {job.key!r}")
        if job.holds_key and job.key in holders:
            other = holders[job.key].id
            yield Wrong(each.id, f"holds the key {job.key!r}, and so does job {other}")
        if job.holds_key:
            holders[job.key] = each


RULES = (
    OfOrder(
        1,
        "A job that is not final has a due time and a deadline, and a final one the time it ended.",
        "Set due_at and deadline of an open job to the present time, as epoch seconds: it is looked"
        " at within a second. Set finished_at of a final one to the time of its last transition.",
        _without_end,
    ),
    OfOrder(
        2,
        "At most one job per key is open or succeeded, and it holds the key.",
        "See which of the jobs is to be done (`order-worker show`); withdraw or retry the other,"
        " and set holds_key of what is over and has not succeeded to false.",
        _key,
    ),
    OfOrder(
        5,
        "A job's state is that of its last transition.",
        "Its transitions tell what was done to it: set the state back to the last one's, or find"
        " out who wrote the row.",
        _unlike_last_transition,
    ),
    OfOrder(
        5,
        "Each transition begins where the one before it has ended, by a step that there is.",
        "Rows were changed or taken away by hand. Compare with a backup; what the provider has of"
        " the order is the truth.",
        _unchained,
    ),
    OfOrder(
        5,
        "Times do not go backwards.",
        "The row was changed, or the ledger's clock set back: keep it in step by NTP.",
        _back_in_time,
    ),
    OfOrder(
        7,
        "A running job has a worker and a lease that ends, and no other job has one.",
        "Workers take a running job over at once. Set worker and lease_until of any other to NULL.",
        _held_wrongly,
    ),
    OfOrder(
        10,
        "A job that has lost its worker five times is over.",
        "Withdraw or retry it, and look into the workers' logs for what ends them.",
        _lost_too_often,
    ),
)

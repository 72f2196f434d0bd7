"""What an order's writes came to, and what lookups let them be sent."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import Row

from worker.domain.jobs import FINAL, Effect, State, Step, WaitingFor
from worker.domain.outcomes import Outcome
from worker.ledger.verification.finding import BY_HAND, LOOK_AT_PROVIDER, OfOrder, Wrong
from worker.ledger.verification.histories import JobHistory, OrderHistory

Call = Row[Any]
SAYS_NOTHING = frozenset(  # of an earlier request: what this one was answered says it was not done
    {Outcome.THROTTLED, Outcome.REFUSED, Outcome.DENIED, Outcome.CLOCK_EXPIRED}
)
LOOKUPS_OF_A_DOUBT = 2
ENDED_BY_ONE = frozenset({State.SUCCEEDED, State.REJECTED})


def _is_write(call: Call) -> bool:
    return bool(call.step == Step.APPLY)


def _was_read(call: Call) -> bool:
    return not _is_write(call) and call.outcome == Outcome.APPLIED


def _without_lookup(each: JobHistory) -> bool:
    """Whether the job was sent again because its order cannot be read: its history says so."""
    return any(
        step.new == State.IN_DOUBT and step.waiting_for == WaitingFor.BACKOFF for step in each.steps
    )


def _sent_again_blindly(order: OrderHistory) -> Iterator[Wrong]:
    doubt: tuple[JobHistory, Call] | None = None
    read = 0
    for each, call in order.calls():
        if _was_read(call):
            read += 1
        if not _is_write(call):
            continue
        if doubt and not _resolved(order, doubt[0], each, read):
            of = "its own" if doubt[0] is each else f"job {doubt[0].id}'s"
            looked = "one lookup" if read else "no lookup"
            after = f"{of} attempt {doubt[1].number}, whose outcome is unknown"
            yield Wrong(each.id, f"attempt {call.number} was sent after {after}, with {looked}")
        doubt, read = ((each, call), 0) if call.outcome == Outcome.UNKNOWN else (None, 0)


def _resolved(order: OrderHistory, doubtful: JobHistory, sender: JobHistory, read: int) -> bool:
    """One lookup ends the doubt of a job that it ends; "not applied" takes two."""
    ended = doubtful is not sender and doubtful.job.state in ENDED_BY_ONE
    if read >= (1 if ended else LOOKUPS_OF_A_DOUBT):
        return True
    return _without_lookup(doubtful) or order.cannot_be_read(sender.job)


def _last_telling(each: JobHistory) -> Call | None:
    """The last write whose answer, or want of one, says something of the effect."""
    telling = [call for call in each.writes if call.outcome not in SAYS_NOTHING]
    return telling[-1] if telling else None


def _read_after(each: JobHistory, call: Call) -> bool:
    return any(_was_read(other) and other.number > call.number for other in each.calls)


def _effect(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        job = each.job
        if what := _unlike_state(job.state, job.effect):
            yield Wrong(each.id, what)
            continue
        if job.effect == Effect.POSSIBLE and not each.writes:
            yield Wrong(each.id, "its effect is possible, and it has sent nothing")
        last = _last_telling(each)
        if last is None or _read_after(each, last) or job.effect != Effect.NONE:
            continue
        if last.outcome is None or last.outcome == Outcome.UNKNOWN:
            told = "is on its way" if last.outcome is None else "was never answered"
            yield Wrong(each.id, f"attempt {last.number} {told}, and its effect is none")


def _unlike_state(state: str, effect: str) -> str | None:
    if (state == State.SUCCEEDED) and effect != Effect.APPLIED:
        return f"has succeeded, and its effect is {effect}"
    if state in FINAL and state != State.SUCCEEDED and effect == Effect.APPLIED:
        return f"is {state}, and its effect is applied"
    if state in {State.REJECTED, State.WITHDRAWN} and effect == Effect.POSSIBLE:
        return f"is {state}, and its effect is possible"
    if state == State.IN_DOUBT and effect != Effect.POSSIBLE:
        return f"is in doubt, and its effect is {effect}"
    return None


def _applied_and_lost(order: OrderHistory) -> Iterator[Wrong]:
    """Where the buyer's bank has a say a 200 is not the end: a lookup tells, or none could."""
    for each in order.jobs:
        last = _last_telling(each)
        if last is None or last.outcome != Outcome.APPLIED or _read_after(each, last):
            continue
        unclear = each.job.state == State.FAILED and each.job.effect == Effect.POSSIBLE
        if each.job.state in FINAL and each.job.state != State.SUCCEEDED and not unclear:
            yield Wrong(
                each.id, f"attempt {last.number} was applied, and the job is {each.job.state}"
            )


def _applied_twice(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        for one, other in pairwise(each.writes):
            if one.outcome == Outcome.APPLIED and not _was_retried(each):
                what = f"attempt {other.number} was sent after {one.number} was applied"
                yield Wrong(each.id, what)


def _was_retried(each: JobHistory) -> bool:
    """A confirm that failed, its buyer not having authenticated, may be tried again by hand."""
    return any(step.old == State.FAILED for step in each.steps)


def _order_not_in_doubt(order: OrderHistory) -> Iterator[Wrong]:
    calls = order.calls()
    for each in order.jobs:
        if each.job.state != State.FAILED or each.job.effect != Effect.POSSIBLE:
            continue
        own = [place for place, (whose, _) in enumerate(calls) if whose is each]
        since = calls[own[-1] + 1 :] if own else calls
        read = any(_was_read(call) and call.step == Step.DOUBT for _, call in since)
        if not read and not (order.order and order.order.in_doubt):
            yield Wrong(
                each.id, "has failed with its effect possible, and its order is not in doubt"
            )


def _unchecked(order: OrderHistory) -> Iterator[Wrong]:
    for each in order.jobs:
        if each.job.stale_states is None:
            continue
        before: Call | None = None
        for call in each.calls:
            if _is_write(call) and (why := _why_unchecked(each, before, call)):
                yield Wrong(each.id, f"attempt {call.number} was sent {why}")
            before = call


def _why_unchecked(each: JobHistory, check: Call | None, write: Call) -> str | None:
    if check is None or check.step != Step.CHECK or check.outcome != Outcome.APPLIED:
        return "without a check that read the order"
    claims = [step for step in each.steps if step.new == State.RUNNING]
    if any(check.claimed_at < step.at < write.claimed_at for step in claims):
        return "in another claim than its check"
    return None


RULES = (
    OfOrder(
        2,
        "A write is sent after an unanswered one of its order only when lookups allow it.",
        LOOK_AT_PROVIDER,
        _sent_again_blindly,
    ),
    OfOrder(2, "A job's effect is what its attempts say.", BY_HAND, _effect),
    OfOrder(2, "What was applied has succeeded.", LOOK_AT_PROVIDER, _applied_and_lost),
    OfOrder(2, "What was applied is not sent again.", LOOK_AT_PROVIDER, _applied_twice),
    OfOrder(
        2,
        "An order whose outcome was given up is in doubt, until it was read.",
        "Set in_doubt of the order's row to true: its next job begins with a lookup then.",
        _order_not_in_doubt,
    ),
    OfOrder(
        9,
        "The cancel of a sweep is sent right after a check that read its order.",
        LOOK_AT_PROVIDER,
        _unchecked,
    ),
)

"""Writing what an answer came to: fenced by the claim's token, one transaction.

A settle whose token is no longer the job's changes no job: the dispatcher has taken the lease
away, and the job has gone on. What the call taught the bucket is true all the same.

On PostgreSQL a settle is two round trips: all that it reads, then all that it writes. To be one, it
would have to have the refill and what an answer teaches a bucket (`domain.lessons`, `learning`) a
second time, in SQL, beside the arithmetic that both databases and the simulation share. It would
save what a third trip costs a claim: measured, 0.1 ms of 0.8 on one machine, and 1.4 of 3.3 where
the network takes 1 ms each time. The next job of the order waits for it, and a slot; no caller.
"""

import math
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, select, text, update

from worker.domain import lessons
from worker.domain.bucket import BucketSpec, comes_sooner
from worker.domain.decisions import Decision
from worker.domain.endings import withdrawn
from worker.domain.jobs import Job, State
from worker.domain.outcomes import Answer, Outcome
from worker.ledger import claims, holds, quotas, turns
from worker.ledger.conclusions import WAITS_FOR_ORDER, conclude, wakes
from worker.ledger.database import NOW
from worker.ledger.holds import Claim
from worker.ledger.ledger import Ledger
from worker.ledger.locking import LOCKED_JOB, LOCKED_ORDER, WRITE, lock_order
from worker.ledger.precedence import why_spared
from worker.ledger.repeating import once_more
from worker.ledger.schema import IN_FLIGHT, attempts, transitions
from worker.ledger.sightings import learn_of_order

# Whoever takes a lease away ends its attempts, and holds the job's lock as we do.
IN_FLIGHT_STILL = select(exists().where(attempts.c.id == bindparam("attempt"), text(IN_FLIGHT)))
END_ATTEMPT = update(attempts).where(attempts.c.id == bindparam("attempt"), text(IN_FLIGHT))
SETTLED = select(
    exists()
    .where(transitions.c.job_id == bindparam("of_job"), transitions.c.at >= bindparam("since"))
    .where(transitions.c.old == State.RUNNING, transitions.c.new == bindparam("state"))
    .where(transitions.c.actor == bindparam("by"), transitions.c.why == bindparam("words"))
)
SPEC = fields(BucketSpec)


def note(ledger: Ledger, held: Claim, answer: Answer, decision: Decision) -> bool:
    """An attempt ended and the same claim goes on: the job stays running, its effect is written.

    False if the lease was taken away.
    """
    return _write(ledger, held, answer, decision, keep=True)


def settle(ledger: Ledger, held: Claim, answer: Answer, decision: Decision) -> bool:
    """An attempt ended and with it the claim. False if the lease had been taken away.

    Writing it once more, when the answer to the first commit was lost, changes nothing, and is
    no lease taken away.
    """
    return _write(ledger, held, answer, decision, keep=False)


@once_more
def go_on(ledger: Ledger, held: Claim, answer: Answer, decision: Decision) -> Claim | None:
    """End a check's attempt, and hold the write that it lets go.

    The lookup has taken its time: whether the order was kept meanwhile, or somebody asked for
    something else, is read under the order's lock. None if it was, or the lease taken away.
    Raises HoldUnknown.
    """
    return holds.written(
        ledger, lambda connection: _go_on(ledger, connection, held, answer, decision)
    )


def _go_on(
    ledger: Ledger, connection: Connection, held: Claim, answer: Answer, decision: Decision
) -> Claim | None:
    job = held.job
    order, row, owns = _fenced(ledger, connection, held)
    now = ledger.database.now(connection)
    why = why_spared(connection, job, order) if owns else None
    if owns and why is None:
        learn_of_order(ledger, connection, job, decision, order, answer.order, now, held.worker)
        _end_attempt(ledger, connection, replace(held, reserved=None), answer)
        return claims.go_on(ledger, connection, held, row, ledger.database.now(connection))
    if owns:
        _settle(ledger, connection, held, answer, withdrawn(str(why)), order, now)
    _end_attempt(ledger, connection, held if owns else replace(held, reserved=None), answer)
    _announce(ledger, connection, held, is_for_all=True, frees_slot=owns)
    return None


@once_more
def _write(ledger: Ledger, held: Claim, answer: Answer, decision: Decision, *, keep: bool) -> bool:
    job = held.job
    with ledger.database.write() as connection:
        if not (held.reserved or answer.outcome is Outcome.DENIED):  # else more than one bucket
            _foresee(ledger, connection, held, decision, keep=keep)
        order, _, owns = _fenced(ledger, connection, held)
        now = ledger.database.now(connection)
        is_for_all = False
        if owns and keep:
            _keep(connection, job, decision)
        elif owns:
            is_for_all = _settle(ledger, connection, held, answer, decision, order, now)
        # What goes on keeps the token that is reserved for its write; whoever took the lease away
        # has given that token back, and may have reserved another one since.
        ends = held if owns and not keep else replace(held, reserved=None)
        is_for_all |= _end_attempt(ledger, connection, ends, answer)
        _announce(ledger, connection, held, is_for_all=is_for_all, frees_slot=owns and not keep)
        return owns or _is_written(connection, held, decision)


def _foresee(
    ledger: Ledger, connection: Connection, held: Claim, decision: Decision, *, keep: bool
) -> None:
    """All that a plain settle reads, in the sequence of the locks."""
    of_order = {"seller": held.job.seller, "order_id": held.job.order_id}
    to_wake = not keep and wakes(decision)
    ledger.database.foresee(
        connection,
        (LOCKED_ORDER, of_order),
        (LOCKED_JOB, {"job_id": held.job.id}),
        (NOW, {}),
        *([(WAITS_FOR_ORDER, of_order)] if to_wake else []),
        *quotas.reads(held.bucket.key),
        (IN_FLIGHT_STILL, {"attempt": held.turn.attempt_id}),
    )


def _is_written(connection: Connection, held: Claim, decision: Decision) -> bool:
    """Whether the claim was settled so before, by a transaction whose commit was not answered.

    Whoever takes a lease away does it in words of his own.
    """
    settled = {
        "of_job": held.job.id,
        "since": held.turn.at,
        "by": held.worker,
        "state": decision.state,
        "words": decision.why,
    }
    return bool(connection.execute(SETTLED, settled).scalar())


def _fenced(ledger: Ledger, connection: Connection, held: Claim) -> tuple[Row[Any], Row[Any], bool]:
    """The rows of order and job, locked, and whether the job is still the claim's."""
    order = lock_order(ledger, connection, held.job.seller, held.job.order_id)
    row = connection.execute(LOCKED_JOB, {"job_id": held.job.id}).one()
    return order, row, bool(row.lease_token == held.token and row.state == State.RUNNING)


def _settle(
    ledger: Ledger,
    connection: Connection,
    held: Claim,
    answer: Answer,
    decision: Decision,
    order: Row[Any],
    now: float,
) -> bool:
    """Whether others may go on now."""
    wakes = conclude(ledger, connection, held.job, decision, now=now, actor=held.worker)
    learn_of_order(ledger, connection, held.job, decision, order, answer.order, now, held.worker)
    return wakes


def _announce(
    ledger: Ledger, connection: Connection, held: Claim, *, is_for_all: bool, frees_slot: bool
) -> None:
    """A free slot is of interest to its own process; if all woke for it, each settle would cost a
    round of every worker of the fleet.
    """
    if is_for_all or frees_slot:
        ledger.database.announce(connection, "" if is_for_all else held.worker)


def _keep(connection: Connection, job: Job, decision: Decision) -> None:
    values = {
        "effect": decision.effect,
        "costs": job.costs + decision.cost,
        "backoffs": decision.backoffs,
        "doubt_since": decision.doubt_since,
        "not_applied_at": decision.not_applied_at,
    }
    connection.execute(WRITE, {"job_id": job.id, **values})


def _end_attempt(ledger: Ledger, connection: Connection, held: Claim, answer: Answer) -> bool:
    """End the attempt, and let its bucket learn from the answer. Whether there is a token sooner
    than others know.
    """
    spec = _spec(held.turn)
    credentials_now = ledger.routes.of_seller(held.job.seller)
    denied = answer.outcome is Outcome.DENIED
    claimed_with = held.bucket.read_at or 0.0
    outdated = denied and any(each.read_at > claimed_with for each in credentials_now)
    closes_seller = denied and answer.scope == "seller" and not outdated
    others = credentials_now if closes_seller else ()
    others = [other for other in others if other.key != spec.key]
    unsent = [_spec(held.reserved)] if held.reserved else []
    locked = {each.key: each for each in (spec, *unsent, *others)}
    quotas.lock_in_sequence(ledger.database, connection, list(locked.values()))
    for each in unsent:
        turns.give_back(ledger, connection, held.job.id, each)
    # The bucket is refilled with this call still in flight, and only then the call ends.
    bucket, now, in_flight = quotas.lock(ledger.database, connection, spec)
    attempt = {"attempt": held.turn.attempt_id}
    if not connection.execute(IN_FLIGHT_STILL, attempt).scalar():
        return bool(unsent)  # the call was given up long ago, and what it says is old
    connection.execute(
        END_ATTEMPT,
        {
            **attempt,
            "finished_at": now,
            "outcome": answer.outcome,
            "status": answer.status,
            "code": answer.code,
            "message": answer.message,
            "request_id": answer.request_id,
        },
    )
    learnt = bucket
    retry = ledger.policy.credentials_retry
    if not outdated:  # what the provider says of a key that has been changed since closes nothing
        learnt = lessons.after(bucket, answer, held.turn.at, now, retry)
    quotas.write(connection, learnt)
    quotas.close_seller(ledger, connection, others, now)
    return bool(unsent) or comes_sooner(bucket, learnt, in_flight, ledger.policy.reserve)


def _spec(turn: turns.Turn) -> BucketSpec:
    """The bucket of a call. The numbers may have changed since: they are left as they are."""
    of_then = {field.name: getattr(turn.bucket, field.name) for field in SPEC}
    return BucketSpec(**of_then | {"read_at": -math.inf})

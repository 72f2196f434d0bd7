"""Writing what an answer came to: fenced by the claim's token, one transaction.

A settle whose token is no longer the job's changes no job: the dispatcher has taken the lease
away, and the job has gone on. What the call taught the bucket is true all the same.
"""

import math
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, select, text, update

from worker.domain import lessons
from worker.domain.bucket import BucketSpec
from worker.domain.decisions import Decision
from worker.domain.endings import withdrawn
from worker.domain.jobs import RANK, Job, State, Step, WaitingFor
from worker.domain.outcomes import Answer, Outcome
from worker.domain.records import is_unconfirmed
from worker.ledger import claims, history, quotas, turns
from worker.ledger.claims import LOCKED_JOB, Claim
from worker.ledger.continuations import CONTINUE_AFTER
from worker.ledger.database import NOW
from worker.ledger.ledger import Ledger
from worker.ledger.precedence import LOCKED_ORDER, WRITE, lock_order, why_spared
from worker.ledger.repeating import once_more
from worker.ledger.schema import IN_FLIGHT, SLEEPING, attempts, jobs, transitions
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
WAITS_FOR_ORDER = (
    select(jobs.c.id, jobs.c.state, jobs.c.bucket, jobs.c.seller, jobs.c.order_id, jobs.c.trace)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .where(jobs.c.waiting_for == WaitingFor.ORDER)
    .where(text(SLEEPING))
    .with_for_update(key_share=True)
)
GIVES_WAY = frozenset({Step.DETAILS, Step.CHECK})  # parked so, a job holds its order for nobody
SPEC = fields(BucketSpec)
# Seconds for the last lookup of a buyer who may have authenticated just before the time ran out.
LAST_LOOK = 600.0


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
    return claims.written(
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
    return None


@once_more
def _write(ledger: Ledger, held: Claim, answer: Answer, decision: Decision, *, keep: bool) -> bool:
    job = held.job
    with ledger.database.write() as connection:
        if not (held.reserved or answer.outcome is Outcome.DENIED):  # else more than one bucket
            _foresee(ledger, connection, held, decision, keep=keep)
        order, _, owns = _fenced(ledger, connection, held)
        now = ledger.database.now(connection)
        if owns and keep:
            _keep(connection, job, decision)
        elif owns:
            _settle(ledger, connection, held, answer, decision, order, now)
        # What goes on keeps the token that is reserved for its write; whoever took the lease away
        # has given that token back, and may have reserved another one since.
        ends = held if owns and not keep else replace(held, reserved=None)
        _end_attempt(ledger, connection, ends, answer)
        return owns or _is_written(connection, held, decision)


def _foresee(
    ledger: Ledger, connection: Connection, held: Claim, decision: Decision, *, keep: bool
) -> None:
    """All that a plain settle reads, in the sequence of the locks."""
    of_order = {"seller": held.job.seller, "order_id": held.job.order_id}
    wakes = not keep and _wakes(decision)
    ledger.database.foresee(
        connection,
        (LOCKED_ORDER, of_order),
        (LOCKED_JOB, {"job_id": held.job.id}),
        (NOW, {}),
        *([(WAITS_FOR_ORDER, of_order)] if wakes else []),
        *quotas.reads(held.bucket.key),
        (IN_FLIGHT_STILL, {"attempt": held.turn.attempt_id}),
    )


def _wakes(decision: Decision) -> bool:
    return decision.is_final or decision.step in GIVES_WAY


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
) -> None:
    conclude(ledger, connection, held.job, decision, now=now, actor=held.worker)
    learn_of_order(ledger, connection, held.job, decision, order, answer.order, now, held.worker)
    ledger.database.announce(connection)  # a slot is free, and perhaps an order


def _keep(connection: Connection, job: Job, decision: Decision) -> None:
    values = {
        "effect": decision.effect,
        "costs": job.costs + decision.cost,
        "backoffs": decision.backoffs,
        "doubt_since": decision.doubt_since,
        "not_applied_at": decision.not_applied_at,
    }
    connection.execute(WRITE, {"job_id": job.id, **values})


def _end_attempt(ledger: Ledger, connection: Connection, held: Claim, answer: Answer) -> None:
    """End the attempt, and let its bucket learn from the answer."""
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
    bucket, now, _ = quotas.lock(ledger.database, connection, spec)
    attempt = {"attempt": held.turn.attempt_id}
    if not connection.execute(IN_FLIGHT_STILL, attempt).scalar():
        return  # the call was given up long ago, and what it says is old
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
    retry = ledger.policy.credentials_retry
    if not outdated:  # what the provider says of a key that has been changed since closes nothing
        bucket = lessons.after(bucket, answer, held.turn.at, now, retry)
    quotas.write(connection, bucket)
    quotas.close_seller(ledger, connection, others, now)


def _spec(turn: turns.Turn) -> BucketSpec:
    """The bucket of a call. The numbers may have changed since: they are left as they are."""
    of_then = {field.name: getattr(turn.bucket, field.name) for field in SPEC}
    return BucketSpec(**of_then | {"read_at": -math.inf})


def conclude(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    decision: Decision,
    *,
    now: float,
    actor: str,
) -> None:
    """Write a decision on a job whose row is locked, and wake who waited for its order."""
    history.job_went(
        connection,
        job,
        job.state,
        decision.state,
        at=now,
        actor=actor,
        waiting_for=decision.waiting_for,
        why=decision.why,
    )
    values: dict[str, Any] = {
        "state": decision.state,
        "waiting_for": decision.waiting_for,
        "effect": decision.effect,
        "step": decision.step,
        "rank": RANK[decision.step.turn],
        "costs": job.costs + decision.cost,
        "backoffs": decision.backoffs,
        "doubt_since": decision.doubt_since,
        "not_applied_at": decision.not_applied_at,
        "receipt": decision.receipt,
        "error": decision.error,
        "worker": None,
        "lease_until": None,
        "publish_at": 0.0,
        "publish_count": 0,
    }
    if decision.is_final:
        values |= {
            "ready": False,
            "finished_at": now,
            "publish_at": now + CONTINUE_AFTER,
            "holds_key": decision.state is State.SUCCEEDED,
        }
    else:
        spec = ledger.routes.bucket(job.request, decision.step.turn)
        values |= {
            "bucket": spec.key if spec else None,
            "ready": decision.due_in <= 0 and spec is not None,
            "due_at": now + decision.due_in,
            "deadline": _deadline(ledger, job, decision),
        }
    connection.execute(WRITE, {"job_id": job.id, **values})
    if _wakes(decision):
        wake_order(connection, job, now, actor)


def _deadline(ledger: Ledger, job: Job, decision: Decision) -> float:
    """When the dispatcher ends what the job does now: a doubt has a limit of its own."""
    if decision.state is State.IN_DOUBT and decision.doubt_since is not None:
        return decision.doubt_since + ledger.policy.doubt_limit
    if is_unconfirmed(decision):
        return job.give_up_at + LAST_LOOK
    return job.give_up_at


def wake_order(connection: Connection, job: Job, now: float, actor: str) -> None:
    """The order is free: what waited for it is ready."""
    of = {"seller": job.seller, "order_id": job.order_id}
    for waiting in connection.execute(WAITS_FOR_ORDER, of).all():
        if waiting.state == State.WAITING:
            history.job_went(
                connection,
                waiting,
                State.WAITING,
                State.WAITING,
                at=now,
                actor=actor,
                waiting_for=WaitingFor.TURN,
                why=f"job {job.id} is done with the order",
            )
        connection.execute(
            WRITE,
            {
                "job_id": waiting.id,
                "waiting_for": WaitingFor.TURN,
                "due_at": now,
                "ready": waiting.bucket is not None,
                "publish_at": 0.0,
                "publish_count": 0,
            },
        )

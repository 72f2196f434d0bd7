"""Whose turn it is: the ready jobs of a bucket, by rank (kind, priority, acceptance).

Taking a token is the one place where a call is let go: under the bucket's lock, on the
ledger's clock, for a job that fewer ready ones rank before than there are tokens.

A check and the write that it may lead to take both tokens at once, or none. The write's token is
reserved: it counts as in flight from here on, and is given back if the write is not sent.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    delete,
    exists,
    insert,
    select,
    text,
    update,
)

from worker.domain import bucket as arithmetic
from worker.domain.bucket import Bucket, BucketSpec
from worker.domain.jobs import Job, Step
from worker.ledger import quotas, ranking
from worker.ledger.ledger import Ledger
from worker.ledger.schema import IN_FLIGHT, attempts

LET_GO = insert(attempts)
LET_GO_NUMBERED = LET_GO.returning(attempts.c.id)
RESERVED = 0  # the number of an attempt that has no request yet
IN_FLIGHT_SINCE = select(
    exists().where(
        attempts.c.id == bindparam("attempt"),
        attempts.c.job_id == bindparam("of_job"),
        attempts.c.claimed_at == bindparam("at"),
        text(IN_FLIGHT),
    )
)
START = update(attempts).where(attempts.c.id == bindparam("attempt"))
DROP_RESERVED = delete(attempts).where(
    attempts.c.job_id == bindparam("of_job"), attempts.c.number == RESERVED
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that was let go: its token is taken, its attempt is in flight since `at`."""

    attempt_id: int
    at: float
    bucket: Bucket
    probe: bool  # the one call let through a bucket that is closed until an answer is good


@dataclass(frozen=True, slots=True)
class NoTurn:
    """No two tokens now: which one was not to be had, and in how many seconds, as `take` says."""

    seconds: float
    of_write: bool


def reads(
    ledger: Ledger,
    bucket: str | None = None,
    rank: int | None = None,
    priority: int | None = None,
    seq: int | None = None,
) -> list[tuple[Executable, dict[str, Any]]]:
    """What `take` reads, in its sequence; what is None is to be read of the job (`by_job`)."""
    return [
        *quotas.reads(bucket),
        ledger.database.number_of(attempts),
        *ranking.reads(bucket, rank, priority, seq),
    ]


def take(
    ledger: Ledger, connection: Connection, job: Job, spec: BucketSpec, worker: str
) -> Turn | float:
    """Take a token for the job's step and let its call go, or say when to come again.

    The seconds are from now, as far as the bucket alone can tell; 0 stands for "it is
    somebody else's turn".
    """
    found = _look(ledger, connection, job, job.step, spec)
    if not isinstance(found, Free):
        return found
    return _let_go(connection, job, job.step, found, worker, number=job.attempt_count + 1)


def take_both(
    ledger: Ledger,
    connection: Connection,
    job: Job,
    specs: tuple[BucketSpec, BucketSpec],
    worker: str,
) -> tuple[Turn, Turn] | NoTurn:
    """Take a token for the job's check (the first of `specs`) and reserve one for its write, or
    neither of them.
    """
    quotas.lock_in_sequence(ledger.database, connection, specs)
    write = _look(ledger, connection, job, job.step.turn, specs[1])
    if not isinstance(write, Free):
        return NoTurn(write, of_write=True)
    check = _look(ledger, connection, job, job.step, specs[0])
    if not isinstance(check, Free):
        return NoTurn(check, of_write=False)
    number = job.attempt_count + 1
    return (  # in the sequence in which they will be made
        _let_go(connection, job, job.step, replace(check, number=None), worker, number=number),
        _let_go(connection, job, Step.APPLY, replace(write, number=None), worker, number=RESERVED),
    )


def start_reserved(connection: Connection, turn: Turn, number: int, now: float) -> Turn:
    """The reserved call is let go now, as the job's request of this number."""
    started = connection.execute(
        START, {"attempt": turn.attempt_id, "number": number, "claimed_at": now}
    ).rowcount
    if not started:
        raise AssertionError("Bug! A write is let go whose token was given back.")
    return replace(turn, at=now)


def give_back(ledger: Ledger, connection: Connection, job_id: str, spec: BucketSpec) -> None:
    """The write was not sent: its token is somebody else's. The bucket's lock is held."""
    bucket, _, in_flight = quotas.lock(ledger.database, connection, spec)
    if connection.execute(DROP_RESERVED, {"of_job": job_id}).rowcount:
        quotas.write(connection, arithmetic.given_back(bucket, in_flight - 1))


@dataclass(frozen=True, slots=True)
class Free:
    """A locked bucket, refilled to `now`, with a token for the job that looked."""

    bucket: Bucket
    now: float
    number: int | None  # of the attempt's row, if it is known beforehand


def _look(
    ledger: Ledger, connection: Connection, job: Job, step: Step, spec: BucketSpec
) -> Free | float:
    """Whether the job may take a token of this bucket for a step; else as `take`."""
    bucket, now, in_flight = quotas.lock(ledger.database, connection, spec)
    whole = arithmetic.tokens(bucket, now, in_flight)
    tokens = arithmetic.spendable(bucket, whole, job.request.priority, ledger.policy.reserve)
    if tokens:
        number = ledger.database.next_number(connection, attempts)
        if ranking.is_next(ledger, connection, job, step, spec.key, now, tokens):
            return Free(bucket, now, number())
    quotas.write(connection, bucket)
    return 0.0 if tokens else arithmetic.next_token_at(bucket, in_flight) - now


def _let_go(
    connection: Connection, job: Job, step: Step, free: Free, worker: str, *, number: int
) -> Turn:
    probe = free.bucket.closed_for in arithmetic.PROBED
    bucket = arithmetic.taken(free.bucket, free.now)
    quotas.write(connection, bucket)
    attempt = {
        "job_id": job.id,
        "number": number,
        "operation": bucket.operation,
        "step": step,
        "bucket": bucket.key,
        "worker": worker,
        "claimed_at": free.now,
    }
    if free.number is not None:
        connection.execute(LET_GO, attempt | {"id": free.number})
        return Turn(free.number, free.now, bucket, probe)
    attempt_id = connection.execute(LET_GO_NUMBERED, attempt).scalar_one()
    return Turn(attempt_id, free.now, bucket, probe)

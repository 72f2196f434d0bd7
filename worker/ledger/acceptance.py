"""Accepting a request: one insert, and reads of its key and id. No order or bucket is touched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, bindparam, exists, select, text, update

from worker import traces
from worker.domain import bucket as arithmetic
from worker.domain.jobs import Request, State
from worker.errors import BadInput, CommitUnknown, LedgerUnavailable
from worker.ledger import history, narration, one_statement, quotas, rows
from worker.ledger.continuations import CONTINUE_AFTER
from worker.ledger.database import NOW, Statements
from worker.ledger.ledger import Ledger
from worker.ledger.newcomers import (
    FIRST_PUBLISH,
    TIMES,
    Newcomer,
    blank,
    first_transition,
    newcomer,
)
from worker.ledger.quotas import CALLS_IN_FLIGHT
from worker.ledger.repeating import once_more
from worker.ledger.schema import HOLDS_KEY, READY, aliases, buckets, jobs

HOLDER = select(jobs).where(
    jobs.c.seller == bindparam("seller"), jobs.c.key == bindparam("key"), text(HOLDS_KEY)
)
NEWEST = (
    select(jobs.c.id)
    .where(jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id"))
    .where(jobs.c.key == bindparam("key"))
    .order_by(jobs.c.seq.desc())
    .limit(1)
)
MOVE_KEY_ON = (
    update(jobs)
    .where(jobs.c.seller == bindparam("of_seller"), jobs.c.key == bindparam("of_key"))
    .where(text(HOLDS_KEY))
    .where(jobs.c.state == State.SUCCEEDED)
    .values(holds_key=False)
)
OF_ID = select(jobs).where(jobs.c.id == bindparam("job_id"))
ALIAS_OF_ID = select(aliases.c.job_id).where(aliases.c.id == bindparam("job_id"))
BUCKET = select(buckets).where(buckets.c.key == bindparam("bucket"))
ANY_READY = select(exists().where(jobs.c.bucket == bindparam("bucket"), text(READY)))


@dataclass(frozen=True, slots=True)
class Accepted:
    """`job_id` is the job that answers the request; `runs_now` says that it should be published."""

    job_id: str
    created: bool
    runs_now: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request is to be kept: everything of a job that is not in the request itself."""

    job_id: str
    actor: str
    new_id: bool = False  # made for this very request, so that nobody can have it
    again: bool = False
    due_in: float = 0.0
    expires_in: float | None = None
    options: dict[str, Any] | None = None
    may_publish: bool = True
    trace: dict[str, str] | None = field(default_factory=traces.current)


@once_more
def accept(ledger: Ledger, request: Request, terms: Terms) -> Accepted:
    """Record a request, or find the job that already answers it.

    Raises BadInput when its key belongs to a request with other arguments, LedgerUnavailable
    when nothing was accepted, of its kinds CommitUnknown when nobody can say.
    """
    try:
        if accepted := _accept_at_once(ledger, request, terms):
            return accepted
        with ledger.database.write() as connection:
            return accept_within(ledger, connection, request, terms)
    except CommitUnknown as unknown:
        try:
            return _accept_again(ledger, request, terms)
        except LedgerUnavailable:
            raise unknown from None


@once_more
def _accept_at_once(ledger: Ledger, request: Request, terms: Terms) -> Accepted | None:
    """On PostgreSQL, in one round trip: the COMMIT goes with the statement, which has written
    nothing where it finds the key held. None then, and where more has to be read before.
    """
    if ledger.database.is_sqlite or terms.again or not terms.new_id:
        return None
    row, first = new_row(ledger, request, terms), first_transition(terms.actor)
    statement = one_statement.statement(frozenset(row), frozenset(first), anywhere=True)
    values = one_statement.parameters(None, row, first, may_publish=terms.may_publish)
    with ledger.database.write() as connection:
        said = connection.execute(statement, values)
    answer = said.one()
    if not answer.accepted_id:
        return None
    with narration.of_transaction():  # of the one that is over: only now it is known who came
        history.tell(_newcomer(request, terms), first)
    return Accepted(terms.job_id, created=True, runs_now=bool(answer.published))


def _newcomer(request: Request, terms: Terms) -> Newcomer:
    return Newcomer(terms.job_id, request.seller, request.order_id, terms.trace)


@once_more
def _accept_again(ledger: Ledger, request: Request, terms: Terms) -> Accepted:
    """The answer to the first commit was lost: if it has come through, the job is there. If it
    still is on its way, the key waits for it.
    """
    with ledger.database.write() as connection:
        if connection.execute(OF_ID, {"job_id": terms.job_id}).one_or_none():
            history.tell(_newcomer(request, terms), first_transition(terms.actor))
            return Accepted(terms.job_id, created=True, runs_now=False)
        return accept_within(ledger, connection, request, terms)


@once_more
def accept_each(
    ledger: Ledger, requests: Sequence[tuple[Request, Terms]]
) -> list[Accepted | BadInput]:
    """As `accept` for each of them, in one transaction; a refusal stands in the answer's place."""
    keys = [f"{request.seller}/{request.idempotency_key}" for request, _ in requests]
    with ledger.database.write() as connection:
        ledger.database.queue_for(connection, keys)
        return [_or_refusal(ledger, connection, request, terms) for request, terms in requests]


def _or_refusal(
    ledger: Ledger, connection: Statements, request: Request, terms: Terms
) -> Accepted | BadInput:
    try:
        return accept_within(ledger, connection, request, terms)
    except BadInput as error:
        return error


def accept_within(
    ledger: Ledger, connection: Statements, request: Request, terms: Terms
) -> Accepted:
    """As `accept`, in a transaction of the caller's."""
    if known := known_by_id(ledger, connection, request, terms):
        return known
    row = new_row(ledger, request, terms)
    of_key = {"seller": request.seller, "key": request.idempotency_key}
    of_order = of_key | {"order_id": request.order_id}
    guess = (BUCKET, CALLS_IN_FLIGHT, ANY_READY) if terms.may_publish and row["ready"] else ()
    ledger.database.foresee(
        connection,
        (NEWEST, of_order),
        (NOW, {}),
        *((each, {"bucket": row["bucket"]}) for each in guess),
    )
    newest = connection.execute(NEWEST, of_order).scalar()
    now = ledger.database.now(connection)
    runs_now = terms.may_publish and row["ready"] and _could_run(connection, row["bucket"], now)
    values = row | {
        "previous_id": newest,
        **{name: now + row[name] for name in TIMES if row[name] is not None},
        "publish_at": now + FIRST_PUBLISH if runs_now else 0.0,
        "publish_count": 1 if runs_now else 0,
    }
    statement = ledger.database.insert_new(jobs, jobs.c.id)
    while connection.execute(statement, values).scalar() is None:
        if holder := connection.execute(HOLDER, of_key).one_or_none():
            return existing(ledger, connection, holder, request, terms)
        refuse_if_id_is_taken(connection, terms)
        # Whoever held the key has let it go between the two statements.
    history.went(connection, _newcomer(request, terms), first_transition(terms.actor), at=now)
    ledger.database.announce(connection)
    return Accepted(terms.job_id, created=True, runs_now=runs_now)


def new_row(ledger: Ledger, request: Request, terms: Terms) -> dict[str, Any]:
    """See `newcomers.newcomer`."""
    return newcomer(
        ledger,
        request,
        terms.job_id,
        due_in=terms.due_in,
        expires_in=terms.expires_in,
        options=terms.options,
        trace=terms.trace,
    )


def known_by_id(
    ledger: Ledger, connection: Statements, request: Request, terms: Terms
) -> Accepted | None:
    """The answer to the same call, asked or delivered once more; with `again`, the key moves on.

    Raises BadInput when the id is of another job.
    """
    key = request.idempotency_key
    known = None if terms.new_id else _of_id(ledger, connection, terms.job_id)
    if known:
        if known.key == key and known.seller == request.seller and not terms.again:
            return existing(ledger, connection, known, request, replace(terms, job_id=known.id))
        raise BadInput("task_id", f"{terms.job_id!r} is the id of another job already.")
    if terms.again:
        connection.execute(MOVE_KEY_ON, {"of_seller": request.seller, "of_key": key})
    return None


def _of_id(ledger: Ledger, connection: Statements, task_id: str) -> Row[Any] | None:
    """What this very id stands for already."""
    itself = {"job_id": task_id}
    ledger.database.foresee(connection, (ALIAS_OF_ID, itself), (OF_ID, itself))
    stands_for = connection.execute(ALIAS_OF_ID, itself).scalar()
    return connection.execute(OF_ID, {"job_id": stands_for or task_id}).one_or_none()


def refuse_if_id_is_taken(connection: Statements, terms: Terms) -> None:
    """Raises BadInput when somebody has recorded a job of this id meanwhile."""
    if connection.execute(OF_ID, {"job_id": terms.job_id}).one_or_none():
        raise BadInput("task_id", f"{terms.job_id!r} is the id of another job already.")


@once_more
def reject(ledger: Ledger, request: Request, terms: Terms, error: dict[str, Any]) -> Accepted:
    """Record a foreign message whose arguments are wrong, so that it can be seen."""
    with ledger.database.write() as connection:
        now = ledger.database.now(connection)
        values = blank(request, terms.job_id) | {
            "state": State.REJECTED,
            "waiting_for": None,
            "holds_key": False,
            "bucket": None,
            "accepted_at": now,
            "due_at": now,
            "deadline": now,
            "give_up_at": now,
            "finished_at": now,
            "error": error,
            "options": terms.options,
            "publish_at": now + CONTINUE_AFTER,
        }
        statement = ledger.database.insert(jobs).on_conflict_do_nothing(index_elements=["id"])
        if connection.execute(statement.returning(jobs.c.id), values).scalar() is not None:
            history.job_went(
                connection,
                _newcomer(request, terms),
                None,
                State.REJECTED,
                at=now,
                actor=terms.actor,
                why=str(error.get("message")),
            )
    return Accepted(terms.job_id, created=True, runs_now=False)


def _could_run(connection: Statements, key: str, now: float) -> bool:
    """Whether the bucket has a token for a newcomer; read without a lock, so only a guess."""
    row = connection.execute(BUCKET, {"bucket": key}).one_or_none()
    if row is None:
        return True
    in_flight = quotas.calls_in_flight(connection, key)
    bucket = arithmetic.refilled(rows.bucket(row), now, in_flight)
    if not arithmetic.tokens(bucket, now, in_flight):
        return False
    return not connection.execute(ANY_READY, {"bucket": key}).scalar()


def existing(
    ledger: Ledger, connection: Statements, holder: Row[Any], request: Request, terms: Terms
) -> Accepted:
    """Answer with the job that holds the key. Raises BadInput if that was asked otherwise."""
    held = rows.request(holder).arguments()
    other = [name for name, value in request.arguments().items() if held[name] != value]
    if other:
        raise BadInput(
            "key",
            f"{request.idempotency_key!r} belongs to job {holder.id}, which was asked with"
            f" another {', '.join(other)}: repeat its arguments, or give another key.",
        )
    # An id that was made just now and given to nobody stands for nothing.
    if holder.id != terms.job_id and (terms.options or not terms.new_id):
        connection.execute(
            ledger.database.insert(aliases).on_conflict_do_nothing(index_elements=["id"]),
            {
                "id": terms.job_id,
                "job_id": holder.id,
                "at": ledger.database.now(connection),
                # Whoever asks twice with the same words asks for the same.
                "options": terms.options if terms.options != holder.options else None,
                "publish_at": 0.0,
                "publish_count": 0,
            },
        )
    return Accepted(holder.id, created=False, runs_now=False)

"""A request recorded in the caller's own transaction: its commit makes the job exist.

It only inserts, and reads its key: whatever else the caller's transaction does and however long
it takes, no order and no bucket is held. (Another one that asks with the same key waits for it.)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from worker.domain.jobs import Request
from worker.errors import BadInput
from worker.ledger import acceptance, identity, one_statement
from worker.ledger.acceptance import HOLDER, Accepted, Terms
from worker.ledger.borrowed import FIELD, Borrowed, borrow
from worker.ledger.ledger import Ledger
from worker.ledger.newcomers import first_transition
from worker.ledger.schema import jobs

# Takes the single writer's place as the first thing: whoever has read before cannot wait for it.
# There is no job 0, so that nothing is changed.
TAKE_TURN = update(jobs).where(jobs.c.seq == 0).values(holds_key=jobs.c.holds_key)
UNDEFINED = {"42P01", "42703"}  # PostgreSQL's: no such table, no such column


def accept(
    ledger: Ledger,
    connection: Any,
    request: Request,
    terms: Terms,
    publish: Callable[[Accepted], object],
) -> Accepted:
    """As `acceptance.accept`, on a connection of the caller's, which commits or rolls back.

    `publish` is called after the commit, where the connection tells of it. Raises BadInput for
    the request and for the connection, and what the connection itself raises; a transaction on
    PostgreSQL that has met no table of ours has failed, as after any error there.
    """
    caller = borrow(connection)
    ours = ledger.database.engine.dialect.name
    if caller.backend != ours:
        raise _elsewhere(ledger, f"it is {caller.backend}")
    terms = replace(terms, may_publish=terms.may_publish and caller.after_commit is not None)
    record = _on_sqlite if ledger.database.is_sqlite else _on_postgresql
    accepted = record(ledger, caller, request, terms)
    if accepted.runs_now and caller.after_commit:
        caller.after_commit(lambda: publish(accepted))
    return accepted


def _on_sqlite(ledger: Ledger, caller: Borrowed, request: Request, terms: Terms) -> Accepted:
    file = identity.sqlite_file(caller.statements)
    if not file or file != identity.of_ledger(ledger.database):
        raise _elsewhere(ledger, f"it is {file or 'in memory'}")
    caller.statements.execute(TAKE_TURN)
    _refuse_autocommit(caller)
    return acceptance.accept_within(ledger, caller.statements, request, terms)


def _on_postgresql(ledger: Ledger, caller: Borrowed, request: Request, terms: Terms) -> Accepted:
    _refuse_autocommit(caller)
    which = identity.of_ledger(ledger.database)
    row = acceptance.new_row(ledger, request, terms)
    first = first_transition(terms.actor)
    statement = one_statement.statement(frozenset(row), frozenset(first))
    values = one_statement.parameters(which, row, first, may_publish=terms.may_publish)
    of_key = {"seller": request.seller, "key": request.idempotency_key}
    with _of_the_ledger(ledger):
        if known := acceptance.known_by_id(ledger, caller.statements, request, terms):
            return known
        while True:
            answer = caller.statements.execute(statement, values).one_or_none()
            if answer is None:
                raise _elsewhere(ledger, "it has tables like the ledger's")
            if answer.accepted_id:
                return Accepted(terms.job_id, created=True, runs_now=bool(answer.published))
            holder = answer if answer.id else None
            holder = holder or caller.statements.execute(HOLDER, of_key).one_or_none()
            if holder:
                return acceptance.existing(ledger, caller.statements, holder, request, terms)
            acceptance.refuse_if_id_is_taken(caller.statements, terms)


def _refuse_autocommit(caller: Borrowed) -> None:
    if not caller.in_transaction():
        raise BadInput(FIELD, f"is in autocommit, outside of a transaction: {caller.begin}.")


@contextmanager
def _of_the_ledger(ledger: Ledger) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _sqlstate(error) in UNDEFINED:
            raise _elsewhere(ledger, "it has no such tables") from error
        raise


def _sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, which SQLAlchemy and Django have wrapped in theirs."""
    for each in (error, getattr(error, "orig", None), error.__cause__):
        if code := getattr(each, "sqlstate", None) or getattr(each, "pgcode", None):
            return str(code)
    return None


def _elsewhere(ledger: Ledger, what: str) -> BadInput:
    return BadInput(
        FIELD,
        f"is not to the ledger's database {ledger.database.shown_url}; {what}. Give a connection"
        " to that one, or use delay, which opens its own.",
    )

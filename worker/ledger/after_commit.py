"""What is to be done once a caller's transaction is committed, where that can be known.

A message that goes out before the commit would have its worker record a job that the caller may
still take back. So a hook is used only where it comes after the commit, and not at a savepoint.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

Todo = Callable[[], object]
PENDING = "order_worker.after_commit"  # in the session's `info`


class Pending:
    """What a session has still to do, each with the savepoint or transaction that it came in."""

    def __init__(self, session: Session) -> None:
        self._todos: list[tuple[SessionTransaction, Connection, Todo]] = []
        event.listen(session, "after_commit", self._after_commit)
        event.listen(session, "after_soft_rollback", self._after_rollback)
        event.listen(session, "after_transaction_end", self._after_end)

    def add(self, within: SessionTransaction, connection: Connection, todo: Todo) -> None:
        self._todos.append((within, connection, todo))

    def _after_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return  # a savepoint was released
        todos, self._todos = self._todos, []
        for _, connection, todo in todos:
            # A session that has joined somebody's transaction says commit, and nothing is.
            if not connection.in_transaction():
                todo()

    def _after_rollback(self, _session: Session, ended: SessionTransaction) -> None:
        self._todos = [each for each in self._todos if not _is_in(each[0], ended)]

    def _after_end(self, _session: Session, ended: SessionTransaction) -> None:
        if ended.parent is None:  # closed without a word: rolled back
            self._todos = []


def _is_in(within: SessionTransaction | None, ended: SessionTransaction) -> bool:
    while within is not None and within is not ended:
        within = within.parent
    return within is ended


def of_session(session: Session, connection: Connection) -> Callable[[Todo], None] | None:
    within = session.get_nested_transaction() or session.get_transaction()
    if within is None:
        return None

    def add(todo: Todo) -> None:
        if PENDING not in session.info:
            session.info[PENDING] = Pending(session)
        session.info[PENDING].add(within, connection, todo)

    return add


def of_django(connection: Any) -> Callable[[Todo], None]:
    """Robust: what fails there must not make the caller's commit fail."""
    return lambda todo: connection.on_commit(todo, robust=True)

"""One log line for each row of the history, said when its transaction is written, and not before.

A line is "job", "order" or "details", as the row's subject, or "attempt" of a call whose worker was
lost (of all others the executor tells). What is accepted in a caller's own transaction is told by
nobody: whether that is committed is not ours to know. Where the answer to a commit was lost a line
says `unconfirmed`.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from worker import logs, traces
from worker.domain.unanswered import OF_LOST_LEASES
from worker.errors import CommitUnknown

NAME = "worker.ledger"
log = logs.get(NAME)
_level = logging.getLogger(NAME)  # a process that wants no lines does not load what makes them

Line = tuple[str, dict[str, Any]]


class Subject(Protocol):
    """The job that a line is about."""

    @property
    def id(self) -> str: ...
    @property
    def seller(self) -> str: ...
    @property
    def order_id(self) -> str: ...
    @property
    def trace(self) -> Mapping[str, str] | None: ...


class _Open(threading.local):
    """The lines of this thread's transactions that are not written yet."""

    def __init__(self) -> None:
        self.transactions: list[list[Line]] = []


_open = _Open()


@contextmanager
def of_transaction() -> Iterator[None]:
    """Around one: what was noted in it is said after it."""
    lines: list[Line] = []
    _open.transactions.append(lines)
    try:
        yield
    except CommitUnknown:
        _say(lines, unconfirmed=True)
        raise
    else:
        _say(lines)
    finally:
        _open.transactions.remove(lines)


@contextmanager
def of_part() -> Iterator[None]:
    """Around a part of a transaction that may be undone by itself."""
    before = len(_open.transactions[-1]) if _open.transactions else 0
    try:
        yield
    except BaseException:
        if _open.transactions:
            del _open.transactions[-1][before:]
        raise


def note(subject: str, **words: Any) -> None:
    """For a line of the present transaction, if somebody reads such lines."""
    if _open.transactions and _level.isEnabledFor(logging.INFO):
        _open.transactions[-1].append((subject, words))


def of_job(job: Subject) -> dict[str, Any]:
    """What a line says of its job: the same words as the executor's."""
    words = {"job": job.id, "seller": job.seller, "order": job.order_id}
    return words | traces.of_context(job.trace)


def _say(lines: list[Line], **more: Any) -> None:
    for subject, words in lines:
        is_trouble = words.get("why") in OF_LOST_LEASES or subject == "attempt"
        log.log(logging.WARNING if is_trouble else logging.INFO, subject, **words, **more)

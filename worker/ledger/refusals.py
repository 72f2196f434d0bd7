"""What a database says when it cannot do what it was asked, and what that means for us: a table."""

import sqlite3
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from worker.errors import LedgerHeldUp, LedgerUnavailable, LedgerUndone, SchemaUnknown

LOCK_SECONDS = 10  # how long a statement waits for somebody's transaction
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code for such a wait that ended


@dataclass(frozen=True, slots=True)
class Refusal:
    """`sentence` goes on from "The ledger … "; `{reason}` in it is the server's own word."""

    kind: type[LedgerUnavailable]
    sentence: str


HELD_UP = Refusal(
    LedgerHeldUp,
    "is held up: another transaction, perhaps a shop's that asks for the same order, has not"
    f" ended within {LOCK_SECONDS} s.",
)
FULL = Refusal(
    LedgerUnavailable,
    "cannot keep anything more: its disk is full. Make room; nothing was written.",
)
UNDONE = Refusal(
    LedgerUndone,
    "has undone the transaction in favour of another one, twice; nothing was written. Try again.",
)
UNKNOWN = Refusal(
    SchemaUnknown,
    "lacks a table or a column that this version of order-worker knows: it was migrated by another"
    " one, or never. Install the version that belongs to it, or run `order-worker migrate`.",
)
READ_ONLY = "25006"  # PostgreSQL's code of what a standby, or a demoted primary, refuses
ELSEWHERE = Refusal(
    LedgerUnavailable,
    "cannot be written at the moment: the server that answers is a standby, or read-only.",
)
NOT_GRANTED = Refusal(
    LedgerUnavailable,
    "does not let its role do this ({reason}). Grant the role of `ledger.url` SELECT, INSERT,"
    " UPDATE and DELETE on the tables order_worker_…, USAGE on their sequences and on their schema;"
    " `order-worker migrate` is for the owner of the tables.",
)
STOPPED = Refusal(
    LedgerUndone,
    "has ended a transaction that stood still for too long; nothing was written.",
)
DAMAGED = Refusal(
    LedgerUnavailable,
    "reports an error of its own, such as damaged data, or a file that it cannot read; nothing was"
    " written. Its log says which; let whoever keeps it look.",
)
# By SQLSTATE on PostgreSQL, by primary result code on SQLite.
KNOWN: dict[str | int, Refusal] = {
    LOCK_NOT_AVAILABLE: HELD_UP,
    "40P01": UNDONE,  # deadlock_detected
    "40001": UNDONE,  # serialization_failure
    "53100": FULL,  # disk_full
    "42P01": UNKNOWN,  # undefined_table
    "42703": UNKNOWN,  # undefined_column
    "42501": NOT_GRANTED,  # insufficient_privilege
    READ_ONLY: ELSEWHERE,  # read_only_sql_transaction
    "25P03": STOPPED,  # idle_in_transaction_session_timeout
    "25P04": STOPPED,  # transaction_timeout
    sqlite3.SQLITE_FULL: FULL,
}
# By SQLSTATE's class, for all codes of it that are not known by themselves.
CLASSES = {
    "58": DAMAGED,  # system_error, io_error, undefined_file, …
    "XX": DAMAGED,  # internal_error, data_corrupted, index_corrupted
}


def of(error: DBAPIError) -> Refusal | None:
    """What is known of an error, whichever driver has raised it."""
    code = getattr(error.orig, "sqlstate", None)
    if code is None and str(error.orig).startswith(("no such table", "no such column")):
        return UNKNOWN  # SQLite has no code for them
    if code is None:
        code = getattr(error.orig, "sqlite_errorcode", -1) & 0xFF
    return KNOWN.get(code) or CLASSES.get(str(code)[:2])

"""A driver's errors as the ledger's own: which ledger, what is wrong with it, what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from worker.errors import CommitUnknown, LedgerMisconfigured, LedgerUnavailable, LedgerUndone
from worker.ledger import refusals


@contextmanager
def reached(ledger: str, forget: Callable[[], None]) -> Iterator[None]:
    """Raises LedgerUnavailable, of the kind that it is. `forget` gives the connections up."""
    try:
        yield
    except DBAPIError as error:
        reason = _reason(error.orig)
        if known := refusals.of(error):
            if known is refusals.ELSEWHERE:  # after a failover: whom we find next is another
                forget()
            sentence = known.sentence.format(reason=reason)
            raise known.kind(f"The ledger {ledger} {sentence}") from error
        if error.connection_invalidated:  # it was there when the transaction began
            raise LedgerUndone(f"The ledger {ledger} cannot be reached: {reason}.") from error
        # A DatabaseError of no other kind is SQLite's "file is not a database".
        if isinstance(error, OperationalError) or type(error) is DatabaseError:
            raise away(ledger, error.orig) from error
        if error.statement is None:  # the driver refused to connect with these options
            raise misconfigured(ledger, error.orig) from error
        raise


@contextmanager
def committing(ledger: str) -> Iterator[None]:
    """Raises CommitUnknown if the connection is lost."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            reason = _reason(error.orig)
            raise CommitUnknown(
                f"The ledger {ledger} was lost while it was writing ({reason}): whether it has"
                " written is not known. Look, or ask again: the same words find the same job."
            ) from error
        raise


def misconfigured(ledger: str, error: BaseException | None) -> LedgerMisconfigured:
    return LedgerMisconfigured(
        f"The ledger {ledger} has an option that cannot be used: {_reason(error)}."
    )


def away(ledger: str, error: BaseException | None) -> LedgerUnavailable:
    return LedgerUnavailable(f"The ledger {ledger} cannot be reached: {_reason(error)}.")


def _reason(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0]

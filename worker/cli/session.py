"""What commands begin with: the configuration, the log, the ledger."""

import getpass
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.bootstrap import Runtime
    from worker.settings import Settings

LEVELS = ("WARNING", "INFO", "DEBUG")  # by the number of -v

verbosity = 0


def settings() -> "Settings":
    """The configuration; from here on no log line shows its secrets.

    Raises ConfigurationError.
    """
    from worker import bootstrap, loglines

    configured = bootstrap.settings()
    level = LEVELS[min(verbosity, len(LEVELS) - 1)]
    loglines.configure(level=level, secrets=configured.secrets())
    return configured


def runtime(*, may_make: bool = False) -> "Runtime":
    """The objects of this process, with a ledger that is there; `may_make` it, where it is not.

    Raises ConfigurationError, LedgerUnavailable.
    """
    from worker import bootstrap
    from worker.ledger import upgrade

    configured = settings()
    if not may_make:
        database = bootstrap.build(configured).ledger.database
        try:
            upgrade.find(database)
        finally:
            database.engine.dispose()
    return bootstrap.runtime()


def asking(*, may_make: bool = True) -> "Runtime":
    """As `runtime`, for a command that records: of a broker that is away it says one sentence
    (`recording.warn_of_broker`), so that the log need not.
    """
    if not verbosity:
        logging.getLogger("worker.broker").setLevel(logging.ERROR)
    return runtime(may_make=may_make)


def person() -> str:
    """Who does it, for the history of jobs and orders."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "command line"


def somebody_answers() -> bool:
    """Whether a question would be read by a person."""
    return sys.stdin.isatty()

"""What the worker says when it cannot do what it was asked. One tree; the name is the kind.

`import worker` loads this module and nothing heavy with it: Celery rebuilds a stored error in
the process that reads it, from its class and its positional arguments.
"""


class OrderWorkerError(Exception):
    """The root of the tree."""


class BadInput(OrderWorkerError, ValueError):
    """A request that is refused at the door.

    `field` is a word of the public interface (`order_id`, `reason`, …); `message` is a
    sentence that names the fault of the value and the rule.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class LedgerUnavailable(OrderWorkerError):
    """The ledger cannot be reached or opened; nothing was accepted."""


class LedgerUndone(LedgerUnavailable):
    """The database has undone a transaction: nothing was written, and the same may be tried at
    once. A deadlock, a serialisation failure, a connection that was lost before the commit.
    """


class LedgerHeldUp(LedgerUnavailable):
    """Another transaction holds what is wanted, and has not ended in time."""


class SchemaUnknown(LedgerUnavailable):
    """The ledger has another schema than this version works with; waiting changes nothing."""


class CommitUnknown(LedgerUnavailable):
    """The connection was lost while a transaction was committed: it is written, or it is not."""


class LedgerMisconfigured(LedgerUnavailable):
    """The ledger's URL has an option that its driver does not take, or a driver that is not
    installed; waiting changes nothing.
    """


class JobError(OrderWorkerError):
    """A job came to no effect. `code` is the provider's, where it gave one."""

    def __init__(self, message: str, code: str | None = None, job: str | None = None) -> None:
        super().__init__(message, code, job)
        self.message = message
        self.code = code
        self.job = job

    def __str__(self) -> str:
        return self.message


class Rejected(JobError):
    """The provider refused for a reason that trying again cannot change."""


class Failed(JobError):
    """Given up: attempts or time ran out, or the outcome stayed unknown."""


class Withdrawn(JobError):
    """The job was taken back before it had any effect."""


class WouldWait(JobError):
    """In eager mode: the job has to wait for longer than a call should; the ledger keeps it."""

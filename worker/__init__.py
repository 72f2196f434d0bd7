"""order-worker: confirms and cancels a shop's orders, as fast as the provider permits.

The way of a job, from top to bottom:

* `app`, `tasks`, `options`, `moments`, `following`, `chords`, `eager`, `results`, `control`,
  `consumer`, `canaries`, `bootstep`: Celery's side of the door
* `bootstrap`: builds everything below from `settings`, `rereading` follows their changes
* `producers` records what is asked, `executor` carries one job out, `dispatcher` finds the next,
  `sweeps` ask for what nobody asked for: stale orders, failed confirms
* `ledger` keeps every step, `providers` sign, send and classify, `broker` and `redis_transport`
  carry messages
* `domain` has the rules: states, decisions, the bucket's arithmetic

`outage` waits for a ledger that is away; `pools` says in what jobs run, `forks` what a fork waits
for, `leaving` whether the worker ends, `holding` until when it may send, `libraries` what may not
be installed; `traces` and `exporting` are OpenTelemetry's; `errors`, `logs`, `loglines`, `masking`,
`clock` and `crash` stand below all of them;
`cli` is the command line, `web` the pages and the HTTP intake, `sandbox` the two providers for
development, `demo` the tour.
"""

from typing import TYPE_CHECKING, Any

from worker import errors
from worker.errors import (
    BadInput,
    Failed,
    LedgerUnavailable,
    Rejected,
    Withdrawn,
    WouldWait,
)

if TYPE_CHECKING:
    from worker.app import cancel, confirm

__all__ = [
    "BadInput",
    "Failed",
    "LedgerUnavailable",
    "Rejected",
    "Withdrawn",
    "WouldWait",
    "cancel",
    "confirm",
    "errors",
]


def __getattr__(name: str) -> Any:
    """Load Celery when a task is first asked for, not for every part of the package."""
    if name in {"confirm", "cancel"}:
        from worker import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

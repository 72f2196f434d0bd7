"""A line for whoever looks at jobs that nobody works on."""

from typing import TYPE_CHECKING

from worker.cli.failures import say

if TYPE_CHECKING:
    from worker.bootstrap import Runtime


def warn(now: "Runtime") -> None:
    """Say so, on standard error, if jobs wait that any worker would have taken by now."""
    from worker.ledger import attendance

    if attendance.nobody_works(now.ledger, now.sellers):
        say("Jobs wait that could run, and no worker takes them: is `order-worker run` running?")

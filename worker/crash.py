"""Named points at which a test kills the process; switched on by environment, in tests only.

`ORDER_WORKER_CRASH_AT=after_claim` ends the process with SIGKILL when it gets there.
"""

import os
import signal

POINTS = ("after_claim", "after_sending", "after_answer", "after_settle")


def point(name: str) -> None:
    """Die here if the environment says so."""
    if os.environ.get("ORDER_WORKER_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)

"""Named points at which a test kills or stops the process; by environment, in tests only.

`ORDER_WORKER_CRASH_AT=after_claim` ends the process with SIGKILL when it gets there, and
`ORDER_WORKER_STOP_AT` stops it, until somebody lets it go on.
"""

import os
import signal
import threading

SIGNALS = {"ORDER_WORKER_CRASH_AT": signal.SIGKILL, "ORDER_WORKER_STOP_AT": signal.SIGSTOP}
POINTS = ("after_claim", "after_sending", "after_answer", "after_settle")


def point(name: str) -> None:
    """Die or stop here if the environment says so."""
    for variable, sent in SIGNALS.items():
        if os.environ.get(variable) == name:
            # To this thread: another one would take it a moment later, and this one go on.
            signal.pthread_kill(threading.get_ident(), sent)

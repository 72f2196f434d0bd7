"""Sitting an outage of the ledger out: what is in a worker's hand is kept until it is back.

A provider's answer is kept in memory for `KEPT_SECONDS`, though its lease may be over by then:
the settle is fenced by the lease's token, so that nothing is written where somebody has taken
the job over, and the lookup decides. So is a message whose job could not be claimed: its job may
be known to nobody else. A worker that was told to end waits for no longer than
`LEAVING_SECONDS`, and the lease does its work.
"""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from worker import logs
from worker.clock import Clock
from worker.errors import LedgerMisconfigured, LedgerUnavailable, SchemaUnknown

KEPT_SECONDS = 300.0
LEAVING_SECONDS = 5.0
LASTING = (LedgerMisconfigured, SchemaUnknown)  # no waiting helps
LONGEST_WAIT = 1.0  # seconds between two tries

Value = TypeVar("Value")

log = logs.get("worker.outage")


class Outage:
    """How a process waits for its ledger; shared by its threads."""

    def __init__(self, clock: Clock, leaving: Callable[[], bool] = lambda: False) -> None:
        self._clock = clock
        self._leaving = leaving

    def sit_out(self, work: Callable[[], Value], seconds: float = KEPT_SECONDS) -> Value:
        """Do it, again and again while the ledger is away; it has to bear being repeated.

        Raises LedgerUnavailable when the time is over.
        """
        began = self._clock.monotonic()
        seen_leaving: list[float] = []

        def is_over(_state: RetryCallState) -> bool:
            now = self._clock.monotonic()
            if self._leaving():
                seen_leaving.append(now)
            left_for = now - seen_leaving[0] if seen_leaving else 0.0
            return now - began >= seconds or left_for >= LEAVING_SECONDS

        return Retrying(
            retry=retry_if_exception(_passes),
            wait=wait_exponential(multiplier=0.1, max=LONGEST_WAIT),
            stop=is_over,
            before_sleep=_tell,
            sleep=self._clock.sleep,
            reraise=True,
        )(work)


def _passes(error: BaseException) -> bool:
    return isinstance(error, LedgerUnavailable) and not isinstance(error, LASTING)


def _tell(state: RetryCallState) -> None:
    """Once for each outage: whoever reads the log has seen it."""
    if state.attempt_number == 1 and state.outcome:
        log.warning("kept until the ledger is back", error=str(state.outcome.exception()))

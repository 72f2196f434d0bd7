"""Sign late, send once, parse: the three lines that each operation of each provider goes through.

The client also keeps the seller's clock: an answer that calls our timestamp expired corrects
the offset from its `Date` header, and the next request is signed with it. If a request that
was signed with the corrected clock is called expired too, before any was accepted with it, the
clock is not what is wrong: the seller is denied, and the correction forgotten.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

from worker.domain.outcomes import Answer, Outcome
from worker.providers.transport import HttpReply, HttpRequest, NoAnswer, NotSent, Transport

# Only these say that the provider looked behind the timestamp: a throttle comes before that.
_CLOCK_ACCEPTED = frozenset({Outcome.APPLIED, Outcome.STATE_REFUSED, Outcome.REJECTED})
# A date beyond is a slip of the answer's, and signed with it no time could be written.
_FARTHEST = 400 * 86400.0  # seconds


class Client:
    """The calls of one seller. `clock` gives epoch seconds. Safe to share between threads."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._offset = 0.0
        self._unproven = False  # the offset was corrected, and nothing was accepted with it yet

    def call(
        self,
        sign: Callable[[float], HttpRequest],
        parse: Callable[[HttpReply, float], Answer],
    ) -> Answer:
        """Sign with the present time, send, and classify.

        `sign(now)` returns the signed request; `parse(reply, now)` classifies the reply, `now`
        being the timestamp that was signed. Never raises for what the network does.
        """
        offset = self._offset
        now = self._clock() + offset
        try:
            reply = self._transport.send(sign(now))
        except NotSent as error:
            return Answer(Outcome.REFUSED, message=str(error), outage=True)
        except NoAnswer as error:
            return Answer(Outcome.UNKNOWN, message=str(error), outage=True)
        return self._keep_clock(parse(reply, now), offset)

    def _keep_clock(self, answer: Answer, offset: float) -> Answer:
        """Learn from an answer to a request that was signed with `offset`."""
        with self._lock:
            current = offset == self._offset
            if answer.outcome is not Outcome.CLOCK_EXPIRED:
                if current and answer.outcome in _CLOCK_ACCEPTED:
                    self._unproven = False
                return answer
            correction = answer.clock_offset
            if correction is None or abs(correction) > _FARTHEST or (current and self._unproven):
                self._offset, self._unproven = 0.0, False
                return replace(
                    answer,
                    outcome=Outcome.DENIED,
                    scope="seller",
                    advice="Set this machine's clock: the provider refuses its time.",
                )
            self._offset, self._unproven = offset + correction, True
            return answer

"""Sign late, send once, parse: the three lines that each operation of each provider goes through.

The client also keeps the seller's clock: an answer that calls our timestamp expired corrects
the offset from its `Date` header, and the next request is signed with it. If a request that
was signed with the corrected clock is called expired too, the clock is not what is wrong, and
the seller is denied.
"""

from collections.abc import Callable
from dataclasses import replace

from worker.domain.outcomes import Answer, Outcome
from worker.providers.transport import HttpReply, HttpRequest, NoAnswer, NotSent, Transport


class Client:
    """The calls of one seller. `clock` gives epoch seconds."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._offset = 0.0

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
        answer = parse(reply, now)
        if answer.outcome is not Outcome.CLOCK_EXPIRED:
            return answer
        if offset or answer.clock_offset is None:
            return replace(
                answer,
                outcome=Outcome.DENIED,
                scope="seller",
                advice="Set this machine's clock: the provider refuses its time.",
            )
        self._offset = offset + answer.clock_offset
        return answer

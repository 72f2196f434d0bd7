"""kombu's Redis transport, which passes over what is no message and keeps no lost worker's queue.

Whoever reaches a Redis may push anything onto a list. kombu takes it off, cannot read it, and
raises what no consumer expects: the worker would end, once for each such text.

kombu also forgets how long a queue is to be kept, where a message is put back or sent by a channel
that has not declared it.
"""

from queue import Empty
from typing import Any

from worker import broker, libraries, logs

libraries.require_of_broker("redis://")  # without them kombu's module breaks as it is loaded

from kombu.transport import redis  # noqa: E402

log = logs.get("worker.broker")

# What Python says of a text that is no JSON, or another JSON than kombu's.
OF_THE_MESSAGE = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


KEPT = int(broker.KEPT * 1000)  # milliseconds


class Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except OF_THE_MESSAGE as error:
            kind = type(error).__name__  # its words may hold the text
            log.error("what stood in the queue is no message; it is dropped", error=kind)  # noqa: TRY400
            raise Empty from None

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        if queue.startswith(broker.OWN):
            self._expires.setdefault(queue, KEPT)
        super()._put(queue, message, **options)

    def _do_restore_message(
        self, payload: Any, exchange: str, routing_key: str, pipe: Any, leftmost: bool = False
    ) -> None:
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)
        if routing_key.startswith(broker.OWN):
            pipe.pexpire(routing_key, KEPT)


class Transport(redis.Transport):
    Channel = Channel

"""kombu's Redis transport, which passes over what is no message.

Whoever reaches a Redis may push anything onto a list. kombu takes it off, cannot read it, and
raises what no consumer expects: the worker would end, once for each such text.
"""

from queue import Empty
from typing import Any

from worker import libraries, logs

libraries.require_of_broker("redis://")  # without them kombu's module breaks as it is loaded

from kombu.transport import redis  # noqa: E402

log = logs.get("worker.broker")

# What Python says of a text that is no JSON, or another JSON than kombu's.
OF_THE_MESSAGE = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


class Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except OF_THE_MESSAGE as error:
            kind = type(error).__name__  # its words may hold the text
            log.error("what stood in the queue is no message; it is dropped", error=kind)  # noqa: TRY400
            raise Empty from None


class Transport(redis.Transport):
    Channel = Channel

"""Celery's consumer, which outlives a message that Celery itself cannot read.

Celery answers what it foresees of a bad message, and lets all else end the worker; the message
then goes back to the queue, and ends the next worker.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from celery.worker.consumer import Consumer as CeleryConsumer

from worker import canaries

# What Python says of a body or a header that has another form than was expected.
OF_THE_MESSAGE = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


CLOSE_SECONDS = 0.2  # how long the end of a connection that is lost may take


class Consumer(CeleryConsumer):
    """Puts a message aside whose body or headers are no task's, whatever they are, and drops all
    of its connections when one is lost.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """As Celery's, which would take its leave on the connection for events: on one that is
        half open that takes twice the socket's time-out.
        """
        events = self.event_dispatcher and self.event_dispatcher.connection
        if events:
            bound_open_broker_sockets(events, CLOSE_SECONDS)
            with suppress(Exception):
                events.collect(socket_timeout=CLOSE_SECONDS)
        super().on_connection_error_after_connected(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            if canaries.took(message, self.controller):
                return
            try:
                handle(message)
            except self.connection_errors:
                raise
            except OF_THE_MESSAGE as error:
                if message.acknowledged:
                    raise
                self.on_invalid_task(None, message, error)

        return on_task_received

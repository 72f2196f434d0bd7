"""Celery's consumer, which outlives a message that Celery itself cannot read.

Celery answers what it foresees of a bad message, and lets all else end the worker; the message
then goes back to the queue, and ends the next worker.
"""

from collections.abc import Callable
from typing import Any

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


class Consumer(CeleryConsumer):
    """Puts a message aside whose body or headers are no task's, whatever they are."""

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

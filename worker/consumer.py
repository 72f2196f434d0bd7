"""Celery's consumer, which outlives a message that Celery itself cannot read.

Celery answers what it foresees of a bad message, and lets all else end the worker; the message
then goes back to the queue, and ends the next worker.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from celery.worker.consumer import Consumer as CeleryConsumer

from worker import broker, canaries
from worker.options import LONGEST, is_short
from worker.tasks import DUE, JobTask

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


def check_id(message: Any) -> None:
    """Raise ValueError for a task's id that no ledger could keep."""
    headers = message.headers
    if not isinstance(headers, dict) or "task" not in headers:
        return  # of another form, or none of ours: Celery knows
    if not is_short(headers.get("id")):
        raise ValueError(f"its id is not text of 1 to {LONGEST} bytes")


def keep_no_eta(message: Any, app: Any) -> None:
    """The time of a job that comes as a message is kept with the job, not with the message."""
    headers = message.headers
    if isinstance(headers, dict) and isinstance(headers.get("eta"), str):
        task = app.tasks.get(headers["task"]) if isinstance(headers.get("task"), str) else None
        if isinstance(task, JobTask):
            headers[DUE] = headers.pop("eta")


class Consumer(CeleryConsumer):
    """Puts a message aside whose body or headers are no task's, whatever they are, and drops all
    of its connections when one is lost.
    """

    def cancel_active_requests(self) -> None:
        """At a second signal. A thread's call cannot be ended from outside: what it is answered is
        written, or its order is looked up by another worker.
        """
        with suppress(NotImplementedError):
            super().cancel_active_requests()

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        of_ours = broker.consuming(self.app.conf.broker_read_url)
        return self.ensure_connected(self.app.connection_for_read(heartbeat=heartbeat, **of_ours))

    def connection_for_write(self, url: Any = None, heartbeat: Any = None) -> Any:
        """For events and their heartbeats, from the consumer's own loop."""
        of_ours = broker.consuming(url or self.app.conf.broker_write_url)
        return self.ensure_connected(
            self.app.connection_for_write(url=url, heartbeat=heartbeat, **of_ours)
        )

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
                check_id(message)
                keep_no_eta(message, self.app)
                handle(message)
            except self.connection_errors:
                raise
            except OF_THE_MESSAGE as error:
                if message.acknowledged:
                    raise
                self.on_invalid_task(None, message, error)

        return on_task_received

"""A watch over the worker's consumer, which can stop receiving and look alive.

A connection whose other end is gone without a word stays open, and a consumer that waits on
it waits for ever. So the worker sends itself a canary every few seconds, to a queue of its own
that the same consumer reads on the same channel. If none comes back the consumer begins anew, and
if it is stuck and does not, the process ends, for its supervisor to start another one.

The queue's name is the process' own: two workers on one machine have one node name by default, and
would take each other's canaries. It is gone a minute after its worker.
"""

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import kombu
from celery import bootsteps
from celery.worker import state

from worker import broker, forks, logs
from worker.tasks import publishing

log = logs.get("worker.canaries")

CANARY = "worker.canary"  # stands where a message names its task; there is no such task
EVERY = 2.0  # seconds between two canaries
SILENT = 6.0  # seconds without one's return after which the consumer begins anew
STUCK = 15.0  # seconds that it is given to do so, before the process ends
STUCK_EXIT = 70  # the exit code of a worker that cannot begin anew: an error of its own


class Watch:
    """How long canaries have been away. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._away_since = math.inf

    def sent(self) -> None:
        self._away_since = min(self._away_since, self._clock())

    def returned(self) -> None:
        """One came back, or none could have."""
        self._away_since = math.inf

    @property
    def silence(self) -> float:
        """Seconds since a canary was sent of which, and of those after it, nothing was heard."""
        return max(0.0, self._clock() - self._away_since)


def took(message: Any, worker: Any) -> bool:
    """Whether the message is a canary: it is acknowledged then, and the worker's watch told."""
    headers = message.headers
    if not isinstance(headers, dict) or headers.get("task") != CANARY:
        return False
    message.ack()
    if watch := getattr(worker, "watch", None):  # else it is somebody else's, and goes no further
        watch.returned()
    return True


class WatchStep(bootsteps.StartStopStep):
    """Celery starts it with the worker; the consumer that it watches is started later."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.watch = Watch()
        self._stopping = threading.Event()
        self._begun_anew = threading.Event()
        self._sender: threading.Thread | None = None

    def include_if(self, parent: Any) -> bool:
        """In memory there is no connection to lose."""
        return broker.kind(parent.app.conf.broker_url) != "memory"

    def create(self, parent: Any) -> None:
        """Only where it is included: the consumer will read the queue, too."""
        from worker.bootstrap import runtime

        name = f"{broker.OWN}{runtime().worker}"
        self.queue = kombu.Queue(
            name, kombu.Exchange(""), routing_key=name, auto_delete=True, expires=broker.KEPT
        )
        parent.app.amqp.queues.select_add(self.queue)
        parent.watch = self.watch

    def start(self, parent: Any) -> None:
        threading.Thread(target=self._run, args=(parent,), name="canaries", daemon=True).start()

    def close(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        self._stopping.set()

    stop = terminate = close

    def _run(self, parent: Any) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self._look(parent)
            except Exception:  # whatever it is, the consumer is watched further on
                log.exception("the consumer could not be watched")

    def _look(self, parent: Any) -> None:
        if not can_receive(parent.consumer):
            self.watch.returned()
        elif self.watch.silence > SILENT:
            self._begin_anew(parent)
        else:
            self._send(parent.app)

    def _send(self, app: Any) -> None:
        def send() -> None:
            with app.producer_or_acquire() as producer:
                producer.publish(
                    {},
                    routing_key=self.queue.name,
                    exchange="",
                    serializer="json",
                    headers={"task": CANARY, "id": self.queue.name},
                    delivery_mode="transient",
                    declare=[self.queue],  # on Redis its lifetime is told with each message
                    retry=False,
                )

        def attempt() -> None:  # by itself: on a dead connection it takes its time-outs
            with forks.held_off():
                publishing.attempt(send)

        # One that cannot leave counts as well: it may be the same network that swallows both
        # ways, and a consumer that begins anew for nothing has lost nothing.
        self.watch.sent()
        if self._sender is None or not self._sender.is_alive():
            self._sender = threading.Thread(target=attempt, name="canary", daemon=True)
            self._sender.start()

    def _begin_anew(self, parent: Any) -> None:
        """Have the main loop drop its connection; end the process if it does not come to it."""
        consumer = parent.consumer
        log.warning("nothing was received for too long", seconds=round(self.watch.silence))
        self._begun_anew.clear()
        consumer.call_soon(self._drop_connection)
        broker.drop_connections(parent.app)  # the canary may have been lost on the way there
        until = time.monotonic() + STUCK
        while not self._begun_anew.wait(0.1):
            if self._stopping.is_set() or not can_receive(consumer):
                break
            if time.monotonic() > until:
                log.critical("the consumer is stuck; the worker ends")
                os._exit(STUCK_EXIT)
        self.watch.returned()

    def _drop_connection(self) -> None:
        self._begun_anew.set()
        raise ConnectionResetError("nothing was received for too long")


def can_receive(consumer: Any) -> bool:
    """Whether a message sent now must come: connected, and with room for one."""
    if consumer.connection is None or consumer.qos is None:
        return False
    if consumer.blueprint.state != bootsteps.RUN or consumer.task_consumer is None:
        return False
    active = len(state.active_requests)
    if active and consumer.pool.__module__.endswith(".solo"):  # the main loop is the job's
        return False
    reserved = len(state.reserved_requests) - active
    return bool(reserved < max(1, consumer.qos.value or 1))

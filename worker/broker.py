"""How messages travel: queue, serialisation, bounded publishing, and the in-memory transport.

A message is only a wake-up, and the ledger repeats it. So publishing may fail, must not wait,
and is left alone for a while after it failed.
"""

import math
import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

import kombu.pools
from kombu import Connection, Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES, memory

from worker import libraries, logs, pools

log = logs.get("worker.broker")

QUEUE = "order-worker"
OWN = f"{QUEUE}."  # how the name of a worker's own queue begins, which ends with the worker
KEPT = 60.0  # seconds that the queue of a worker that was killed is kept by the broker
# How long a publish may take on a broker that does not answer: one time-out of one socket, and the
# whole of what `delay` takes then but for the ledger's commit. It promises 0.6 s.
PUBLISH_SECONDS = 0.3
DISPATCH_SECONDS = 0.5  # in a worker, where no caller waits
SKIP_SECONDS = 5.0  # how long publishing is left alone after it failed
HEARTBEAT_SECONDS = 10
CONSUMER_SECONDS = 5.0  # socket time-out of a consumer's connection, which may take its time


def configuration(url: str, concurrency: int) -> dict[str, Any]:
    """Celery's settings, each with its reason."""
    return {
        # kombu warns of a URL without a host each time that it connects.
        "broker_url": "memory://localhost" if url.startswith("memory:") else url,
        "result_backend": "worker.results:LedgerBackend",
        # The default exchange needs no binding: kombu's are gone after a flush of Redis, and
        # messages then vanish without an error.
        "task_queues": [Queue(QUEUE, Exchange(""), routing_key=QUEUE)],
        "task_default_queue": QUEUE,
        "task_default_exchange": "",
        "task_default_routing_key": QUEUE,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "enable_utc": True,
        "timezone": "UTC",
        # Acknowledged when a slot takes the message: the ledger repeats it if the slot dies.
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": concurrency,
        "worker_pool": pools.UNTOLD,
        "worker_consumer": "worker.consumer:Consumer",  # one odd message must not end the fleet
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # New in Celery 5.7 and exclusive by default: after a half-open connection the old
        # queue is still locked, and the worker ends.
        "control_queue_exclusive": False,
        "event_queue_exclusive": False,
        # Of the consumer's connection to RabbitMQ: what a worker held that is gone without a word
        # goes back to the queue after two of them, and not after the default's four minutes.
        "broker_heartbeat": HEARTBEAT_SECONDS,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # the ledger goes on; the broker comes back
        **publishing(url),
    }


def publishing(url: str, seconds: float = PUBLISH_SECONDS) -> dict[str, Any]:
    """Settings of a process that publishes: fail soon rather than wait."""
    return {
        "task_publish_retry": False,
        "broker_connection_timeout": seconds,
        "broker_pool_acquire_timeout": seconds,
        # max_retries: kombu's channel has a retry of its own, which starts with two seconds.
        "broker_transport_options": {"max_retries": 0, **_socket_timeouts(url, seconds)},
    }


def consuming(url: str) -> dict[str, Any]:
    """What the connection of a worker's consumer is made with; it waits for messages, and may wait
    for an answer. All else that a worker connects to publishes, and fails as soon as others do.
    """
    return {
        "connect_timeout": CONSUMER_SECONDS,
        "transport_options": _socket_timeouts(url, CONSUMER_SECONDS),
    }


def _socket_timeouts(url: str, seconds: float) -> dict[str, Any]:
    if url.startswith("redis"):
        return {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "socket_keepalive": True,
            "health_check_interval": 5,
        }
    if url.startswith("amqp"):
        return {"read_timeout": seconds, "write_timeout": seconds}
    return {}


_in_worker = False


def enter_worker() -> None:
    """From now on this process consumes: its in-memory broker has a reader."""
    global _in_worker  # noqa: PLW0603 - what a process is, is one fact about it
    _in_worker = True


def kind(url: str | None) -> str:
    """What kind of broker a URL means: amqp, redis, memory. One host has many names, so that
    two URLs of one kind may well be the same broker.
    """
    return str(Connection(url).transport.driver_type)


def reaches_a_worker(url: str) -> bool:
    """Whether a message published here can be read by a worker at all."""
    return _in_worker or not url.startswith("memory:")


def mistake(url: str) -> str | None:
    """Why nobody can connect with a broker's URL, as a sentence; None if it can be tried."""
    if problem := libraries.of_broker(url):
        return problem
    try:
        Connection(url)
    except (TypeError, ValueError, LookupError) as error:
        kind = type(error).__name__
        return f"broker.url: has an option that is not known, or not so ({kind}: {error})."
    return None


class Publishing:
    """Publishes unless it has just failed. Never raises for what the broker does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._skip_until = -math.inf

    @property
    def paused(self) -> bool:
        """Whether publishing has failed within the last seconds."""
        return self._clock() < self._skip_until

    def attempt(self, publish: Callable[[], object]) -> bool:
        """Publish, unless publishing is paused; whether it was done."""
        if self.paused:
            return False
        try:
            publish()
        except Exception as error:  # noqa: BLE001 - each transport has its own errors
            self._skip_until = self._clock() + SKIP_SECONDS
            why = str(error) if isinstance(error, ImportError) else repr(error)[:200]
            log.warning("not published; the ledger has it", error=why)
            return False
        return True


def forget_connections() -> None:
    """For a forked child: a socket shared with the parent would mix their messages up.

    Cleared, not reset: a reset would close the connections of the parent.
    """
    kombu.pools.connections.clear()
    kombu.pools.producers.clear()


def drop_connections(app: Any) -> None:
    """Publish through new connections from now on. Whoever uses an old one goes on with it."""
    forget_connections()
    app._pool = None  # noqa: SLF001 - Celery has no name for it
    app.amqp._producer_pool = None  # noqa: SLF001


# --- memory:// ------------------------------------------------------------------------------

_changed = threading.Condition()
_version = 0
_interrupted = threading.Event()


def _notify() -> None:
    global _version  # noqa: PLW0603 - one in-memory broker per process, as kombu's
    with _changed:
        _version += 1
        _changed.notify_all()


def interrupt() -> None:
    """End a wait for messages: a signal to the worker takes effect when drain_events returns."""
    _interrupted.set()
    _notify()


def _wait_for_change(seen: int, seconds: float | None) -> None:
    with _changed:
        _changed.wait_for(lambda: _version != seen, seconds)


def _was_interrupted() -> bool:
    if not _interrupted.is_set():
        return False
    _interrupted.clear()
    return True


class Channel(memory.Channel):
    """kombu's in-memory channel, which tells when there is something to look at."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _notify()

    def _put_fanout(
        self, exchange: str, message: Any, routing_key: str | None = None, **kwargs: Any
    ) -> None:
        super()._put_fanout(exchange, message, routing_key, **kwargs)
        _notify()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        _notify()  # there is room in the prefetch window

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().basic_reject(delivery_tag, requeue)
        _notify()


class Transport(memory.Transport):
    """kombu's in-memory transport, waiting for a message instead of polling for one."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # noqa: ARG002
        """Deliver one message. Raises TimeoutError after `timeout` seconds (None: never)."""
        give_up_at = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = _version
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = None if give_up_at is None else give_up_at - time.monotonic()
                if _was_interrupted() or (left is not None and left <= 0):
                    raise TimeoutError from None
                _wait_for_change(seen, left)
            else:
                return


def use_our_transports() -> None:
    """Make URLs mean our transports; before the first connection."""
    TRANSPORT_ALIASES["memory"] = "worker.broker:Transport"
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "worker.redis_transport:Transport"

"""The dispatcher's thread inside a Celery worker, from the pool's start to the shutdown's."""

import threading
import time
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.worker import state

from worker import broker, chords, forks, leaving, logs
from worker.dispatcher import AFTER_ERROR, Dispatcher
from worker.errors import LedgerUnavailable, SchemaUnknown
from worker.ledger.chords import Chord
from worker.ledger.continuations import Message
from worker.ledger.database import Database
from worker.ledger.schedules import Due
from worker.tasks import JobTask, publishing

APART = 0.01  # seconds, at least, between the beginnings of two rounds: one sees many commits
IDLE = 2.0  # times what a round took that found nothing: on a busy machine it had better be rare
LEDGER_EXIT = 3  # as of the command line: the ledger cannot be used

log = logs.get("worker.dispatcher")


class DispatcherStep(bootsteps.StartStopStep):
    """Celery starts it after the pool, and closes it before the pool drains."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, parent: Any) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(parent,), name="dispatcher", daemon=True
        )
        self._thread.start()

    def close(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        if not self._stopping.is_set():
            log.info("the worker leaves: what is under way ends first")
        self._stopping.set()

    def stop(self, parent: Any) -> None:
        self.close(parent)
        if self._thread:
            self._thread.join(timeout=5.0)

    terminate = stop

    def _run(self, parent: Any) -> None:
        from worker.bootstrap import runtime, sweeps

        now = runtime()

        def publish(message: Message | Chord) -> bool:
            if isinstance(message, Chord):
                return chords.announce(parent.app, message.id)
            task: JobTask = parent.app.tasks[f"worker.{message.job.task}"]
            return task.announce(message.id, message.job.request, message.options)

        def tell(due: Due) -> bool:
            sweep = parent.app.tasks["worker.sweep"]
            return publishing.attempt(lambda: sweep.apply_async((due.name, due.token)))

        dispatcher = Dispatcher(
            now.ledger,
            now.worker,
            parent.pool.limit,  # the solo pool has one slot, whatever the concurrency
            publish,
            may_publish=lambda: not publishing.paused,
            every=lambda: sweeps(now).every(),
            tell=tell,
            configured=lambda: runtime().sellers.version,
        )
        while not self._stopping.is_set():
            try:
                self._make_rounds(dispatcher, now.ledger.database, now.worker)
            except SchemaUnknown as error:
                log.critical("the worker ends", error=str(error))
                self._end_worker()
            except LedgerUnavailable as error:
                dispatcher.lose(error)
            except Exception:  # the fleet must not stand still for one odd row
                log.exception("a round failed")
            self._stopping.wait(AFTER_ERROR)
        with suppress(LedgerUnavailable), forks.held_off():
            dispatcher.leave()

    def _end_worker(self) -> None:
        """As after SIGTERM, but with an exit code that its supervisor can tell from that."""
        self._stopping.set()
        leaving.begin()
        state.should_stop = LEDGER_EXIT
        broker.interrupt()

    def _make_rounds(self, dispatcher: Dispatcher, database: Database, worker: str) -> None:
        with database.watch(worker) as changes:
            while not self._stopping.is_set():
                begun = time.monotonic()
                with forks.held_off():
                    seconds = dispatcher.round()
                ended = time.monotonic()
                idle = IDLE * (ended - begun) if dispatcher.was_idle else 0.0
                again_at = max(begun + APART, ended + min(idle, seconds))
                changes.wait(seconds, self._stopping)
                self._stopping.wait(max(0.0, again_at - time.monotonic()))

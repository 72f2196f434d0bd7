"""The dispatcher's thread inside a Celery worker, from the pool's start to the shutdown's."""

import threading
from typing import Any

from celery import bootsteps

from worker import logs
from worker.dispatcher import Dispatcher
from worker.ledger.rounds import Message

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
        self._stopping.set()

    def stop(self, parent: Any) -> None:
        self.close(parent)
        if self._thread:
            self._thread.join(timeout=5.0)

    terminate = stop

    def _run(self, parent: Any) -> None:
        from worker.bootstrap import runtime

        now = runtime()

        def publish(message: Message) -> None:
            task = parent.app.tasks[f"worker.{message.job.task}"]
            task.publish(message.job, message.options)

        dispatcher = Dispatcher(now.ledger, now.worker, parent.concurrency, publish)
        with now.ledger.database.watch() as changes:
            dispatcher.prepare()
            while not self._stopping.is_set():
                try:
                    seconds = dispatcher.round()
                except Exception:  # the fleet must not stand still for one odd row
                    log.exception("a round failed")
                    seconds = 1.0
                changes.wait(seconds, self._stopping)

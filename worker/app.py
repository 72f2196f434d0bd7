"""The Celery application: `celery -A worker.app worker` is a complete worker.

It registers its tasks itself and never becomes the process' default application, so that it
can be imported beside a shop's own.
"""

from typing import Any

from celery import Celery, signals

from worker import broker
from worker.domain.jobs import Task
from worker.tasks import JobTask

app = Celery("order-worker", set_as_current=False)
broker.use_memory_transport()


@app.task(base=JobTask, bind=True, name="worker.confirm", job_task=Task.CONFIRM)
def confirm(self: JobTask, *args: Any, **kwargs: Any) -> Any:
    """Confirm an order: `confirm.delay("S01-1234567-1234567", seller="acme")`."""
    return self.carry_out(args, kwargs)


@app.task(base=JobTask, bind=True, name="worker.cancel", job_task=Task.CANCEL)
def cancel(self: JobTask, *args: Any, **kwargs: Any) -> Any:
    """Cancel an order: `cancel.delay("S01-1234567-1234567", seller="acme", reason="…")`."""
    return self.carry_out(args, kwargs)


def _configuration() -> dict[str, Any]:
    """Read at the first use of the application, not when it is imported."""
    from worker.bootstrap import settings

    configured = settings()
    return broker.configuration(configured.broker.url.full, configured.worker.concurrency)


app.add_defaults(_configuration)
# By name: whoever only produces does not load the worker's side.
app.steps["worker"].add("worker.bootstep:DispatcherStep")


@signals.setup_logging.connect(weak=False)
def _configure_logs(**_: Any) -> None:
    from worker import logs
    from worker.bootstrap import settings

    logs.configure(secrets=settings().secrets())


@signals.worker_init.connect(weak=False)
def _enter_worker(sender: Any, **_: Any) -> None:
    """Before anything starts: is everything there that this worker needs?"""
    from worker.bootstrap import runtime

    if sender.app is not app:
        return
    broker.enter_worker()
    now = runtime()
    now.settings.check_secrets()
    app.conf.update(broker.consuming(now.settings.broker.url.full))

"""The Celery application: `celery -A worker.app worker` is a complete worker.

It registers its tasks itself and never becomes the process' default application, so that it
can be imported beside a shop's own.
"""

import logging
import sys
from typing import Any, NoReturn

from celery import Celery, concurrency, signals

from worker import broker, exporting, forks, leaving, pools
from worker.domain.jobs import Task
from worker.tasks import JobTask

# Shared, they would be tasks of the shop's application as well, and go to its queue.
OURS: dict[str, Any] = {"base": JobTask, "bind": True, "shared": False}

app = Celery("order-worker", set_as_current=False, control="worker.control:Control")
broker.use_our_transports()


@app.task(**OURS, name="worker.confirm", job_task=Task.CONFIRM)
def confirm(self: JobTask, /, *args: Any, **kwargs: Any) -> Any:
    """Confirm an order: `confirm.delay("S01-1234567-1234567", seller="acme")`."""
    return self.carry_out(args, kwargs)


@app.task(**OURS, name="worker.cancel", job_task=Task.CANCEL)
def cancel(self: JobTask, /, *args: Any, **kwargs: Any) -> Any:
    """Cancel an order: `cancel.delay("S01-1234567-1234567", seller="acme", reason="…")`."""
    return self.carry_out(args, kwargs)


@app.task(name="worker.sweep", shared=False, ignore_result=True)
def sweep(name: str, token: float) -> None:
    """Run a schedule that a dispatcher has found due; of no use to anybody else."""
    from worker import logs
    from worker.bootstrap import runtime, sweeps
    from worker.errors import LedgerUnavailable
    from worker.ledger.schedules import Due

    try:
        sweeps(runtime()).run(Due(str(name), float(token)))
    except LedgerUnavailable as error:  # it runs again when its lease has ended
        logs.get("worker.sweeps").warning("the ledger is away", schedule=name, error=str(error))


@app.task(name="worker.chord", shared=False, ignore_result=True)
def _start_body(chord_id: str) -> None:
    """Sent by the dispatcher, for a chord of which all members are done."""
    from worker import chords
    from worker.bootstrap import runtime

    chords.start_body(runtime().ledger.database, app.backend, chord_id)


def _configuration() -> dict[str, Any]:
    """Read at the first use of the application, not when it is imported."""
    from worker.bootstrap import settings
    from worker.settings import ConfigurationError

    try:
        configured = settings()
    except ConfigurationError as error:
        if _is_asked_by_celery():
            _refuse(str(error), 2)
        raise
    if _is_asked_by_celery() and (problem := broker.mistake(configured.broker.url.full)):
        _refuse(problem, 2)
    return broker.configuration(configured.broker.url.full, configured.worker.concurrency)


def _is_asked_by_celery() -> bool:
    """Whether the process is Celery's own command, which knows tracebacks only."""
    import click
    from celery.bin.base import CLIContext

    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.find_root().obj, CLIContext)


app.add_defaults(_configuration)
# By name: whoever only produces does not load the worker's side.
app.steps["worker"].add("worker.bootstep:DispatcherStep")
app.steps["worker"].add("worker.canaries:WatchStep")


@signals.celeryd_init.connect(weak=False)
def _claim_logs(instance: Any, **_: Any) -> None:
    """Only for a worker of ours: whoever has a receiver here has taken Celery's logs over."""
    if instance.app is app:
        signals.setup_logging.connect(_configure_logs, weak=False)


def _configure_logs(**_: Any) -> None:
    from worker import loglines
    from worker.bootstrap import settings

    loglines.configure(secrets=settings().secrets())
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_in_our_words)


def _in_our_words(record: logging.LogRecord) -> bool:
    """Of a broker that is away Celery writes a text of three lines; of a message that cannot be
    used the body, and a receipt may be in it.
    """
    from celery.worker.consumer.consumer import CONNECTION_ERROR

    text = str(record.msg)
    if text == CONNECTION_ERROR and isinstance(record.args, tuple):
        where, why, _ = record.args
        record.msg, record.args = "the broker cannot be reached; it is tried again and again", ()
        record.order_worker_words = {"broker": str(where), "error": str(why)}
    if "body" in text:
        sentence = text.splitlines()[0].partition("[")[0]
        record.msg, record.args = sentence, _first(sentence, record.args)
        record.exc_info = None
    return True


def _first(sentence: str, args: Any) -> tuple[Any, ...]:
    return tuple(args)[: sentence.count("%")] if isinstance(args, tuple) else ()


@signals.worker_init.connect(weak=False)
def _enter_worker(sender: Any, **_: Any) -> None:
    """Before anything starts: is everything there that this worker needs?

    Celery logs what a receiver raises and goes on; only SystemExit ends the worker.
    """
    from worker.bootstrap import check_sellers, runtime
    from worker.errors import LedgerMisconfigured, LedgerUnavailable
    from worker.settings import ConfigurationError

    if sender.app is not app:
        return
    pool = concurrency.get_implementation(sender.pool_cls)
    if problem := pools.mistake(pool, in_memory=broker.kind(app.conf.broker_url) == "memory"):
        _refuse(problem, 2)
    try:
        now = runtime()
        check_sellers(now)
    except ConfigurationError as error:
        _refuse(str(error), 2)
    except LedgerUnavailable as error:
        _refuse(str(error), 2 if isinstance(error, LedgerMisconfigured) else 3)
    broker.enter_worker()
    app.conf.update(broker.publishing(now.settings.broker.url.full, broker.DISPATCH_SECONDS))
    leaving.arrive()
    exporting.begin()


def _refuse(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(code)


@signals.worker_shutting_down.connect(weak=False)
def _leave_worker(**_: Any) -> None:
    leaving.begin()
    broker.interrupt()


@signals.worker_process_shutdown.connect(weak=False)
@signals.worker_shutdown.connect(weak=False)
def _end_exporting(**_: Any) -> None:
    exporting.end()


def _after_fork() -> None:
    broker.forget_connections()
    app._after_fork()  # noqa: SLF001 - Celery calls it itself in the children of its pool only


forks.renew_in_child(_after_fork)

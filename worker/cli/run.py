"""`order-worker run`: a Celery worker with its dispatcher, in one process."""

import sys
import warnings
from importlib.metadata import version

import click

from worker.cli import printing, session
from worker.cli.failures import BAD_INPUT, INTERRUPTED, say

POOLS = ("threads", "prefork", "solo")


@click.command("run", short_help="Work: a Celery worker with its dispatcher.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Jobs at a time.")
@printing.loglevel
@click.option(
    "--pool",
    type=click.Choice(POOLS),
    default=POOLS[0],
    show_default=True,
    help="What jobs run in; prefork needs RabbitMQ or Redis.",
)
def command(concurrency: int | None, loglevel: str, pool: str) -> None:
    """Work until SIGTERM or Ctrl-C: both let the jobs that are running end first.

    Does not start with a configuration that is wrong, a secret or a library that is missing
    (exit code 2), or a ledger that cannot be reached (3). A broker that is down is waited for.
    """
    from worker import bootstrap

    now = session.runtime(may_make=True)
    bootstrap.check_sellers(now)
    from celery import signals

    from worker import broker, loglines, logs
    from worker.app import app

    if problem := broker.mistake(now.settings.broker.url.full):
        say(problem)
        raise click.exceptions.Exit(BAD_INPUT)
    _leave_the_telling_to_the_log()
    ended_by: list[str] = []

    @signals.worker_shutting_down.connect(weak=False)
    def note(sig: str, **_: object) -> None:
        ended_by.append(sig)

    worker = app.Worker(
        concurrency=concurrency,
        loglevel=loglevel.upper(),
        pool=pool,
        quiet=True,  # no banner
        # Workers of one broker need not know of each other: the ledger is what they share.
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
    )
    loglines.configure(level=loglevel, secrets=now.settings.secrets())
    logs.get("worker.run").info(
        "order-worker starts",
        version=version("order-worker"),
        configuration=now.settings.source,
        ledger=now.ledger.database.shown_url,
        broker=now.settings.broker.url.shown,
        sellers=", ".join(now.settings.sellers) or "none",
        concurrency=worker.concurrency,
    )
    worker.start()
    # Celery ends with 1 after Ctrl-C, which says something else here.
    interrupted = ended_by[:1] == ["SIGINT"]
    raise click.exceptions.Exit(INTERRUPTED if interrupted else worker.exitcode or 0)


def _leave_the_telling_to_the_log() -> None:
    """Nothing but log lines comes from a worker, unless somebody looks at a terminal."""
    from celery.exceptions import SecurityWarning

    # It warns a superuser of messages that are programs; ours are JSON, and nothing else is read.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if not sys.stderr.isatty():
        # There Celery writes plain words when a signal comes; `bootstep` logs that it leaves.
        setattr(sys, "__stdout__", None)  # noqa: B010 - mypy has it for a constant

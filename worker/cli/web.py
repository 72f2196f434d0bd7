"""`order-worker web`: the pages and the HTTP intake."""

import click

from worker.cli import printing, session
from worker.cli.failures import BAD_INPUT, say


@click.command("web", short_help="Serve the pages and the HTTP intake.")
@click.option("--host", help="Default: web.host of the configuration, 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="PORT",
    show_envvar=True,
    help="0: any that is free. Default: web.port of the configuration.",
)
@printing.loglevel
def command(host: str | None, port: int | None, loglevel: str) -> None:
    """Serve the pages and /v1 until SIGTERM or Ctrl-C, from the ledger alone.

    Whoever asks needs a token: order-worker token NAME --scopes read,enqueue,operate. For others
    than this machine give --host, and put TLS in front of it.
    """
    now = session.asking()
    from worker import loglines
    from worker.web import serving

    loglines.configure(level=loglevel, secrets=now.settings.secrets())

    web = now.settings.web
    host, port = host or web.host, web.port if port is None else port
    try:
        listening = serving.listen(host, port)
    except OSError as error:
        say(f"The web cannot listen on {host}:{port}: {error.strerror or error}. Try --port 0.")
        raise click.exceptions.Exit(BAD_INPUT) from None
    with listening:
        shown = f"[{host}]" if ":" in host else host
        say(f"The web listens on http://{shown}:{listening.getsockname()[1]}.")
        serving.serve(now, listening)

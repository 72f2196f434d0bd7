"""`order-worker` itself: its commands by name, and how errors become exit codes."""

from importlib import import_module
from importlib.util import find_spec

import click

from worker.cli import failures, session

# In the order of the help: run it, ask, look, act, set up.
COMMANDS = {
    "run": "worker.cli.run",
    "confirm": "worker.cli.confirm",
    "cancel": "worker.cli.cancel",
    "enqueue": "worker.cli.enqueue",
    "jobs": "worker.cli.jobs",
    "show": "worker.cli.show",
    "quotas": "worker.cli.quotas",
    "retry": "worker.cli.retry",
    "withdraw": "worker.cli.withdraw",
    "keep": "worker.cli.keep",
    "stale": "worker.cli.stale",
    "check": "worker.cli.check",
    "migrate": "worker.cli.migrate",
    "verify": "worker.cli.verify",
    "prune": "worker.cli.prune",
    "web": "worker.cli.web",
    "token": "worker.cli.token",
    "completion": "worker.cli.completion",
    "sandbox": "worker.cli.sandbox",
    "demo": "worker.cli.demo",
}
NEEDED = {"demo": "worker.demo"}  # commands that are there if a module is


class Program(click.Group):
    """A group whose commands are modules, each with a `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name in COMMANDS if name not in NEEDED or find_spec(NEEDED[name])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> object:
        with failures.answered(ctx):
            return super().invoke(ctx)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log more to standard error; twice for all.")
@click.version_option(package_name="order-worker")
def program(verbose: int) -> None:
    """Confirms and cancels orders at their payment providers, as fast as these permit.

    The configuration is config/worker.toml, or what ORDER_WORKER_CONFIG names.
    """
    session.verbosity = verbose

"""What a shell offers for an argument that is being typed: sellers, jobs. Silent on errors.

A shell asks by starting the program, with `_ORDER_WORKER_COMPLETE` set; whatever is wrong with
the configuration or the ledger is said when the command is run, not in the midst of typing.
"""

import click
from click.shell_completion import CompletionItem

MOST = 20  # jobs that are offered, the newest


class Seller(click.ParamType["str"]):
    """A seller's name; any is taken, since the ledger has jobs of former ones."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, param
        try:
            from worker import bootstrap

            names = list(bootstrap.settings().sellers)
        except Exception:  # noqa: BLE001 - nothing is offered, nothing is said
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Job(click.ParamType["str"]):
    """A job by its id, a beginning of it, or its order."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, param
        try:
            return [CompletionItem(name, help=told) for name, told in _jobs(incomplete)]
        except Exception:  # noqa: BLE001 - as above
            return []


def _jobs(incomplete: str) -> list[tuple[str, str]]:
    import logging

    from worker import bootstrap
    from worker.cli.printing import plain, status
    from worker.ledger import queries
    from worker.ledger.filters import Filters

    logging.disable()
    ledger = bootstrap.build(bootstrap.settings()).ledger
    if ledger.database.is_missing:  # the tab key makes no ledger
        return []
    if incomplete:
        found = queries.of_ids(ledger, queries.beginning_with(ledger, incomplete))
    else:
        found = list(queries.find(ledger, Filters(), MOST))
    return [(job["id"], f"{job['task']} {plain(job['order_id'])}, {status(job)}") for job in found]


SELLER = Seller()
JOB = Job()

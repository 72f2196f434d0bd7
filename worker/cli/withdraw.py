"""`order-worker withdraw`: take jobs back that have had no effect."""

from functools import partial
from typing import TYPE_CHECKING

import click

from worker.cli import acting, choosing, listing, session

if TYPE_CHECKING:
    from worker.domain.jobs import Job
    from worker.ledger.ledger import Ledger

WITHDRAWN = "withdrawn"
WHY_NOT = {
    "running": "not withdrawn: a worker has it now, and its request may be on its way",
    "in_doubt": "not withdrawn: a request may have been applied; it is looked up first",
    "succeeded": "not withdrawn: it has succeeded",
    "rejected": "not withdrawn: it has ended as rejected",
    "failed": "not withdrawn: it has ended as failed",
    "withdrawn": "was withdrawn before",
    "waiting": "not withdrawn: it has been applied, and only waits for the order's details",
}


@click.command("withdraw", short_help="Take jobs back that have had no effect.")
@choosing.jobs
@click.option("--why", default="withdrawn on the command line", help="Kept with the job.")
@acting.terms
def command(choice: choosing.Choice, why: str, terms: acting.Terms) -> None:
    """Take back jobs that wait and have had no effect: those that are named, or all of these
    that the options describe.

    Says for each what happened. Exit code 1 if one of them could not be taken back, 2 if one is
    no job.
    """
    from worker.ledger import queries

    ledger = session.runtime().ledger
    acting.act(
        acting.Deed("withdraw", WITHDRAWN),
        *choice.ids(ledger, withdrawable=True),
        do=lambda job_id: _withdraw(ledger, job_id, why),
        show=partial(listing.show_ids, ledger),
        orders=partial(queries.orders_of, ledger),
        terms=terms,
    )


def _withdraw(ledger: "Ledger", job_id: str, why: str) -> acting.Result:
    from worker.ledger import withdrawals
    from worker.ledger.precedence import is_withdrawable

    before: Job | None = withdrawals.withdraw(ledger, job_id, session.person(), why)
    if before is None:
        return acting.Result("not withdrawn: it is no longer in the ledger", fits=False)
    if is_withdrawable(before):
        return acting.Result(WITHDRAWN, fits=True)
    # A retry of what may have been applied waits, too, for its lookup.
    in_doubt = before.state == "waiting" and before.effect == "possible"
    said = WHY_NOT["in_doubt" if in_doubt else before.state]
    return acting.Result(said, fits=before.state == WITHDRAWN)

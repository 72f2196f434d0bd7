"""`order-worker withdraw`: take jobs back that have had no effect."""

from functools import partial
from typing import TYPE_CHECKING

import click

from worker.cli import acting, choosing, listing, session

if TYPE_CHECKING:
    from worker.domain.jobs import Job
    from worker.ledger.ledger import Ledger

WITHDRAWN = "withdrawn"


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
    from worker.domain.withdrawing import why_not
    from worker.ledger import withdrawals
    from worker.ledger.precedence import is_withdrawable

    before: Job | None = withdrawals.withdraw(ledger, job_id, session.person(), why)
    if before is None:
        return acting.Result("not withdrawn: it is no longer in the ledger", fits=False)
    if is_withdrawable(before):
        return acting.Result(WITHDRAWN, fits=True)
    if before.state == WITHDRAWN:
        return acting.Result("was withdrawn before", fits=True)
    return acting.Result(f"not withdrawn: {why_not(before)}", fits=False)

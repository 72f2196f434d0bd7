"""`order-worker withdraw`: take jobs back that have had no effect."""

from typing import TYPE_CHECKING

import click

from worker.cli import naming, printing, session
from worker.cli.failures import BAD_INPUT, NOT_SUCCEEDED, say

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
@click.argument("job", nargs=-1, required=True)
@click.option("--why", default="withdrawn on the command line", help="Kept with the job.")
@click.option("--yes", is_flag=True, help="Do not ask, however many they are.")
@printing.as_json
def command(job: tuple[str, ...], why: str, yes: bool, as_json: bool) -> None:
    """Take back jobs that wait and have had no effect; say for each what happened.

    Exit code 1 if one of them could not be taken back, 2 if one is no job.
    """
    ledger = session.runtime().ledger
    ids, unknown = naming.jobs_of(ledger, job)
    if not yes and not _agreed(len(ids)):
        say("Nothing was withdrawn.")
        return
    told = [{"id": job_id, "result": _withdraw(ledger, job_id, why)} for job_id in ids]
    if as_json:
        printing.array(told)
    for each in () if as_json else told:
        click.echo(f"{each['id']}  {each['result']}")
    if unknown:
        raise click.exceptions.Exit(BAD_INPUT)
    if any(each["result"] not in {WITHDRAWN, WHY_NOT[WITHDRAWN]} for each in told):
        raise click.exceptions.Exit(NOT_SUCCEEDED)


def _agreed(count: int) -> bool:
    """One job was meant; many are asked about, if there is somebody to ask."""
    if count <= 1 or not session.somebody_answers():
        return True
    return click.confirm(f"Withdraw {count} jobs?", err=True)


def _withdraw(ledger: "Ledger", job_id: str, why: str) -> str:
    from worker.ledger import withdrawals
    from worker.ledger.precedence import is_withdrawable

    before: Job | None = withdrawals.withdraw(ledger, job_id, session.person(), why)
    if before is None:
        return "not withdrawn: it is no longer in the ledger"
    if is_withdrawable(before):
        return WITHDRAWN
    # A retry of what may have been applied waits, too, for its lookup.
    in_doubt = before.state == "waiting" and before.effect == "possible"
    return WHY_NOT["in_doubt" if in_doubt else before.state]

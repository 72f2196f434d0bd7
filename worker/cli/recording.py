"""How the command line records a request: as its own, published if it can run at once."""

from typing import TYPE_CHECKING

from worker import libraries
from worker.cli.failures import say

if TYPE_CHECKING:
    from worker.domain.jobs import Request
    from worker.ledger.acceptance import Accepted, Terms

ACTOR = "command line"
PRIORITY = 10  # behind the checkout's 0


def terms(*, again: bool = False) -> "Terms":
    """A new job of the command line. `again`: even if one has succeeded."""
    from worker import broker
    from worker.app import app
    from worker.ledger.acceptance import Terms
    from worker.producers import new_id

    published = broker.reaches_a_worker(app.conf.broker_url)
    return Terms(job_id=new_id(), actor=ACTOR, new_id=True, again=again, may_publish=published)


def publish(accepted: "Accepted", request: "Request") -> None:
    """The first of a bucket may run now; a dispatcher finds all others in their turn."""
    from worker.app import app

    if accepted.runs_now:
        app.tasks[f"worker.{request.task}"].announce(accepted.job_id, request)


def warn_of_blindness(number: int) -> None:
    """One line about so many requests that the provider cannot read back."""
    if number:
        which = "1 request has" if number == 1 else f"{number} requests have"
        say(
            f"{which} no parent_order_id: the item cannot be looked up, and an unclear outcome"
            " could only be asked for again."
        )


def warn_of_broker() -> None:
    """One line if the broker took no message: the jobs are recorded all the same."""
    from worker import bootstrap, tasks

    if tasks.publishing.paused:
        absent = libraries.of_broker(bootstrap.settings().broker.url.full)
        why = f"{absent} It is" if absent else "The broker cannot be reached:"
        say(f"{why} recorded all the same; workers look into the ledger.")

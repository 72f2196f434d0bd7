"""Which jobs a person means by what was typed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from worker.cli.failures import say
from worker.cli.printing import plain
from worker.errors import BadInput

if TYPE_CHECKING:
    from worker.ledger.ledger import Ledger

SHORTEST = 4  # characters of an id's beginning


def one_job(ledger: "Ledger", name: str) -> str:
    """The id of the job that is meant by an id, the beginning of one, or an order with one job.

    Raises BadInput if there is none, or several.
    """
    found = meant(ledger, name)
    if isinstance(found, list) and len(found) != 1:
        which = f"{len(found)} jobs: {', '.join(found)}" if found else "no job"
        raise BadInput("job", f"the order {name!r} has {which}.")
    return found[0] if isinstance(found, list) else found


def jobs_of(ledger: "Ledger", names: Iterable[str]) -> tuple[list[str], int]:
    """The ids of the jobs meant, each once, and how many names were none, which is told."""
    ids: dict[str, None] = {}
    unknown = 0
    for name in names:
        try:
            ids[one_job(ledger, name)] = None
        except BadInput as error:
            say(plain(error))
            unknown += 1
    return list(ids), unknown


def meant(ledger: "Ledger", name: str) -> str | list[str]:
    """The id of a job; or, if an order is meant, those of all its jobs, the oldest first: none, if
    it was only kept or released.

    Raises BadInput if there is neither, or several ids begin so.
    """
    from worker.ledger import queries

    if job_id := queries.id_of(ledger, name):
        return job_id
    of_order = queries.of_order(ledger, name)
    if of_order or queries.done_to(ledger, name):
        return of_order
    begin_so = queries.beginning_with(ledger, name) if len(name) >= SHORTEST else []
    if not begin_so:
        raise BadInput("job", f"{name!r} is no job and no order of this ledger.")
    if len(begin_so) > 1:
        raise BadInput("job", f"{name!r} begins {', '.join(begin_so)} …: give more of the id.")
    return begin_so[0]

"""Which jobs a person means by what was typed."""

from typing import TYPE_CHECKING

from worker.errors import BadInput

if TYPE_CHECKING:
    from worker.ledger.ledger import Ledger

SHORTEST = 4  # characters of an id's beginning


def meant(ledger: "Ledger", name: str) -> list[str]:
    """The job of an id or of the beginning of one, or all jobs of an order, oldest first.

    Raises BadInput if there is none, or several begin so.
    """
    from worker.ledger import queries

    if found := queries.named(ledger, name):
        return found
    found = queries.beginning_with(ledger, name) if len(name) >= SHORTEST else []
    if not found:
        raise BadInput("job", f"{name!r} is no job and no order of this ledger.")
    if len(found) > 1:
        raise BadInput("job", f"{name!r} begins {', '.join(found)} …: give more of the id.")
    return found


def one_job(ledger: "Ledger", name: str) -> str:
    """The one job that is meant. Raises BadInput if it is none or several."""
    found = meant(ledger, name)
    if len(found) > 1:
        raise BadInput("job", f"the order {name!r} has {len(found)} jobs: {', '.join(found)}.")
    return found[0]

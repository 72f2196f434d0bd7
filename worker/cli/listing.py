"""Jobs as rows of a table, wherever they are listed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from worker.cli.printing import lately, short, status
from worker.cli.tables import Column, table

if TYPE_CHECKING:
    from worker.ledger.ledger import Ledger

STATES = ("waiting", "running", "in_doubt", "succeeded", "rejected", "failed", "withdrawn")
AWAITED = ("turn", "quota", "throttle", "backoff", "order", "credentials", "buyer", "lookup")
TASKS = ("confirm", "cancel")
COLUMNS = (
    Column("job"),
    Column("task", leaves=4),
    Column("seller", leaves=5),
    Column("order"),
    Column("state"),
    Column("requests", leaves=3),
    Column("accepted"),
    Column("finished", leaves=2),
    Column("worker", leaves=1),
)


def show(found: Iterable[Mapping[str, Any]], stream: IO[str] | None = None) -> None:
    """Print jobs as a table on `stream`, standard output if it is None."""
    table(COLUMNS, map(cells, found), stream)


def show_ids(ledger: "Ledger", ids: Sequence[str], stream: IO[str] | None = None) -> None:
    """As `show`, given the jobs' ids."""
    from worker.ledger import queries

    show(queries.of_ids(ledger, ids), stream)


def cells(job: Mapping[str, Any]) -> Sequence[object]:
    return (
        short(job["id"]),
        job["task"],
        job["seller"],
        job["order_id"],
        status(job),
        job["attempt_count"],
        lately(job["accepted_at"]),
        lately(job["finished_at"]),
        f"{job['worker']} until {lately(job['lease_until'])}" if job["worker"] else None,
    )

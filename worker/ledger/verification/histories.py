"""The jobs of an order with all that happened to them, read a page of orders at a time.

A page is read in one transaction: all of an order is of one moment. The ledger as a whole is
not, and no snapshot is older than the reading of a page, so that neither SQLite's log grows nor
PostgreSQL keeps dead rows for a run of minutes. What moves from one order to another (a token, a
key) is no rule's that is seen in a history.

Rows are read as they stand, JSON as text: what an editor has left there must not end the run.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    bindparam,
    select,
)
from sqlalchemy import tuple_ as several

from worker.domain.routes import Routes
from worker.ledger import rows
from worker.ledger.columns import as_text
from worker.ledger.ledger import Ledger
from worker.ledger.schema import attempts, jobs, orders, transitions

PAGE = 500  # jobs of one transaction
RESERVED = 0  # the number of an attempt that has no request yet


@dataclass(frozen=True, slots=True)
class JobHistory:
    """A row of `jobs`, its own transitions as they were written, its attempts by number."""

    job: Row[Any]
    steps: Sequence[Row[Any]]  # of the job's state
    other_steps: Sequence[Row[Any]]  # of its order, as it was seen
    calls: Sequence[Row[Any]]  # without one that is only reserved
    reserved: Sequence[Row[Any]]

    @property
    def id(self) -> str:
        return str(self.job.id)

    @property
    def writes(self) -> list[Row[Any]]:
        return [call for call in self.calls if call.step == "apply"]


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """All jobs of an order, in the order of their acceptance; `order` is its row, if it has one."""

    seller: str
    order_id: str
    order: Row[Any] | None
    jobs: Sequence[JobHistory]
    now: float
    routes: Routes

    def cannot_be_read(self, job: Row[Any]) -> bool:
        """Whether the configuration says that a job's order cannot be looked up."""
        if job.seller not in self.routes.sellers():
            return False
        return not self.routes.can_look_up(rows.request(job))

    def calls(self) -> list[tuple[JobHistory, Row[Any]]]:
        """All calls as they were made, whatever the clock was set to meanwhile.

        Rows are numbered as they are written. A write that a check had reserved has its row
        before a repeated check: within a job the attempts' own numbers say.
        """
        by_row = sorted(
            ((call.id, each) for each in self.jobs for call in each.calls), key=lambda one: one[0]
        )
        of_job = {each.id: iter(each.calls) for each in self.jobs}
        return [(each, next(of_job[each.id])) for _, each in by_row]

    def steps(self) -> list[tuple[JobHistory, Row[Any]]]:
        """All transitions of its jobs, as they were written."""
        each_with = ((each, step) for each in self.jobs for step in each.steps)
        return sorted(each_with, key=lambda one: one[1].id)


JOBS = select(*(as_text(column) for column in jobs.c))
PLACE = several(jobs.c.seller, jobs.c.order_id)
AFTER = JOBS.where(several(bindparam("seller"), bindparam("order_id")) < PLACE)
FIRST = JOBS
SEQUENCE = (jobs.c.seller, jobs.c.order_id, jobs.c.seq)
OF_ORDER = JOBS.where(
    jobs.c.seller == bindparam("seller"), jobs.c.order_id == bindparam("order_id")
).order_by(jobs.c.seq)
OF_JOBS: BindParameter[str] = bindparam("ids", expanding=True)
ATTEMPTS = select(attempts).where(attempts.c.job_id.in_(OF_JOBS))
STEPS = select(transitions).where(transitions.c.job_id.in_(OF_JOBS)).order_by(transitions.c.id)
ORDER_ROWS = select(orders).where(
    several(orders.c.seller, orders.c.order_id)
    >= several(bindparam("first_seller"), bindparam("first_order")),
    several(orders.c.seller, orders.c.order_id)
    <= several(bindparam("last_seller"), bindparam("last_order")),
)


def pages(ledger: Ledger, size: int = PAGE) -> Iterator[list[OrderHistory]]:
    """The histories of all orders that have jobs, about `size` jobs at once."""
    last: tuple[str, str] | None = None
    while True:
        with ledger.database.read() as connection:
            found = _page(connection, last, size)
            read = _histories(ledger, connection, found) if found else []
        if not read:
            return
        yield read
        last = (read[-1].seller, read[-1].order_id)


def _page(connection: Connection, last: tuple[str, str] | None, size: int) -> list[Row[Any]]:
    """The jobs of the next orders, each order with all of its jobs."""
    which: Select[Any] = FIRST if last is None else AFTER
    place = {} if last is None else {"seller": last[0], "order_id": last[1]}
    found = list(connection.execute(which.order_by(*SEQUENCE).limit(size), place).all())
    if len(found) < size:
        return found
    end = _order_of(found[-1])
    whole = [row for row in found if _order_of(row) != end]
    if whole:
        return whole
    return list(connection.execute(OF_ORDER, {"seller": end[0], "order_id": end[1]}).all())


def _histories(
    ledger: Ledger, connection: Connection, found: Sequence[Row[Any]]
) -> list[OrderHistory]:
    now = ledger.database.now(connection)
    ids = [row.id for row in found]
    calls: dict[str, list[Row[Any]]] = defaultdict(list)
    steps: dict[str, list[Row[Any]]] = defaultdict(list)
    for start in range(0, len(ids), PAGE):
        of = {"ids": ids[start : start + PAGE]}
        for call in connection.execute(ATTEMPTS, of):
            calls[call.job_id].append(call)
        for step in connection.execute(STEPS, of):
            steps[step.job_id].append(step)
    first, last = _order_of(found[0]), _order_of(found[-1])
    between = {
        "first_seller": first[0],
        "first_order": first[1],
        "last_seller": last[0],
        "last_order": last[1],
    }
    order_rows = {_order_of(row): row for row in connection.execute(ORDER_ROWS, between)}
    return [
        OrderHistory(
            seller=key[0],
            order_id=key[1],
            order=order_rows.get(key),
            jobs=[_history(row, steps[row.id], calls[row.id]) for row in of_order],
            now=now,
            routes=ledger.routes,
        )
        for key, of_order in groupby(found, _order_of)
    ]


def _history(row: Row[Any], steps: Sequence[Row[Any]], calls: Sequence[Row[Any]]) -> JobHistory:
    in_sequence = sorted(calls, key=lambda call: (_number(call.number), call.id))
    return JobHistory(
        job=row,
        steps=[step for step in steps if step.subject == "job"],
        other_steps=[step for step in steps if step.subject != "job"],
        calls=[call for call in in_sequence if call.number != RESERVED],
        reserved=[call for call in in_sequence if call.number == RESERVED],
    )


def _number(value: object) -> float:
    """A number to sort by, whatever SQLite was given for one."""
    return value if isinstance(value, int | float) else math.inf


def _order_of(row: Row[Any]) -> tuple[str, str]:
    return row.seller, row.order_id

"""Replays the ledger, and names what breaks an invariant that rows can show.

Several passes, each a page at a time: the histories of orders, the calls of buckets, what refers
to what is not there. A page is of one moment. Whatever a worker writes meanwhile is seen before or
after, never half; it holds up nobody, and nobody holds it up.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import chain

from sqlalchemy import func, select

from worker.ledger.ledger import Ledger
from worker.ledger.schema import attempts, jobs
from worker.ledger.verification import buckets, calls, flights, readable, revealed, states, strays
from worker.ledger.verification.finding import Finding, OfOrder, Rule
from worker.ledger.verification.histories import OrderHistory, pages

OF_ORDERS: tuple[OfOrder, ...] = (readable.READABLE, *states.RULES, *calls.RULES, *flights.RULES)


def rules() -> list[Rule]:
    """All rules, by the number of the invariant that they are a part of."""
    every = chain(OF_ORDERS, buckets.RULES, strays.RULES, revealed.RULES)
    return sorted(every, key=lambda rule: rule.invariant)


def size(ledger: Ledger) -> int:
    """How many rows will be told of by `tick`, about."""
    with ledger.database.read() as connection:
        counted = (select(func.count()).select_from(table) for table in (jobs, attempts))
        return sum(int(connection.execute(each).scalar_one()) for each in counted)


def findings(
    ledger: Ledger,
    secrets: Collection[str] = (),
    tick: Callable[[int], None] = lambda _rows: None,
) -> Iterator[Finding]:
    """What breaks a rule, as it is found.

    `secrets` must stand in no row; `tick` is told how many rows have been read since. Raises
    LedgerUnavailable.
    """
    hidden = revealed.Secrets(secrets)
    for page in pages(ledger):
        yield from revealed.in_histories(page, hidden)
        for order in page:
            yield from _of_order(order)
        tick(sum(len(order.jobs) for order in page))
    yield from revealed.in_other_tables(ledger.database, hidden)
    yield from buckets.check(ledger.database, tick)
    yield from strays.check(ledger.database)


def _of_order(order: OrderHistory) -> Iterator[Finding]:
    """What no version can read is said to be so, and nothing else of its order."""
    unreadable = list(_broken(readable.READABLE, order))
    if unreadable:
        yield from unreadable
        return
    for rule in OF_ORDERS[1:]:
        yield from _broken(rule, order)


def _broken(rule: OfOrder, order: OrderHistory) -> Iterator[Finding]:
    for wrong in rule.broken_by(order):
        subject, name = ("order", order.order_id) if wrong.job_id is None else ("job", wrong.job_id)
        yield Finding(rule, subject, name, wrong.what, order.seller, order.order_id)

"""Which stale orders are cancelled now, and why the others are not."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from worker import logs
from worker.domain.jobs import Request
from worker.domain.staleness import ShopOrder, StalePolicy
from worker.errors import BadInput
from worker.ledger import shop, stale
from worker.ledger.acceptance import Accepted, Terms
from worker.ledger.ledger import Ledger

log = logs.get("worker.sweeps")

ACTOR = "stale sweep"
PAGE = 200  # orders that are looked up in the ledger, and recorded, at once
NO_LOOKUP = "cannot be read at the provider without its parent_order_id"


class Door(Protocol):
    """Where producers come in."""

    def check(self, request: Request) -> None:
        """Raise BadInput for a request that could never be carried out."""
        ...

    def accept_each(
        self, requests: Sequence[tuple[Request, Terms]]
    ) -> Sequence[Accepted | BadInput]: ...


@dataclass(slots=True)
class Swept:
    """What a sweep of one seller took up, and what it left alone."""

    seller: str
    taken: dict[str, ShopOrder] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)  # order id: job id; none in a dry run
    left: dict[str, str] = field(default_factory=dict)  # order id: why
    younger: int = 0  # orders in the states of the policy that are not old enough
    full: bool = False  # the limit was reached, and there may be more


class StaleSweep:
    """`policies` are by seller; `new_id` makes job ids."""

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, StalePolicy],
        door: Door,
        new_id: Callable[[], str],
    ) -> None:
        self._ledger = ledger
        self.policies = policies
        self._door = door
        self._new_id = new_id

    def run(
        self, seller: str, given: Iterable[ShopOrder] | None = None, *, dry_run: bool = False
    ) -> Swept:
        """Sweep one seller: these orders, or else those that the ledger and the shop's query have.

        Raises BadInput for a query of the shop's that cannot be used, LedgerUnavailable. What was
        recorded by then stays: a sweep can be interrupted, and run again.
        """
        policy = self.policies[seller]
        swept = Swept(seller)
        if given is not None:
            self._take(policy, given, swept)
        else:
            if policy.from_ledger:
                self._take(policy, stale.find(self._ledger.database, policy), swept)
            if policy.source:
                field_name = f"sellers.{seller}.stale.shop_query"
                self._take(policy, shop.orders(policy.source, field_name), swept)
            if dry_run and policy.from_ledger:
                left, swept.younger = stale.left_alone(self._ledger.database, policy)
                swept.left = left | swept.left
        if not dry_run:
            self._record(policy, swept)
        return swept

    def _take(self, policy: StalePolicy, found: Iterable[ShopOrder], swept: Swept) -> None:
        """Take up what nothing speaks against, up to the policy's limit."""
        for page in _pages(found):
            ids = [order.order_id for order in page]
            reasons = stale.reasons(self._ledger.database, policy, ids)
            for order in page:
                if why := reasons.get(order.order_id) or self._unfit(policy.cancel(order)):
                    swept.left[order.order_id] = why
                elif order.order_id in swept.taken:
                    continue
                elif len(swept.taken) < policy.limit:
                    swept.taken[order.order_id] = order
                else:
                    swept.full = True
                    return

    def _unfit(self, request: Request) -> str | None:
        try:
            self._door.check(request)
        except BadInput as error:
            return str(error)
        return None if self._ledger.routes.can_look_up(request) else NO_LOOKUP

    def _record(self, policy: StalePolicy, swept: Swept) -> None:
        for page in _pages(swept.taken.values()):
            asked = [
                (policy.cancel(order), Terms(self._new_id(), ACTOR, new_id=True, may_publish=False))
                for order in page
            ]
            for order, accepted in zip(page, self._door.accept_each(asked), strict=True):
                if isinstance(accepted, BadInput):  # an open job of the same key, differently asked
                    swept.left[order.order_id] = str(accepted)
                else:
                    swept.jobs[order.order_id] = accepted.job_id
        for order_id in swept.left.keys() & swept.taken.keys():
            del swept.taken[order_id]


def _pages(orders: Iterable[ShopOrder]) -> Iterator[list[ShopOrder]]:
    rest = iter(orders)
    while page := list(islice(rest, PAGE)):
        yield page

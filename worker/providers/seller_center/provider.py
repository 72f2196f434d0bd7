"""One seller of Seller Center: its configuration, its buckets, its calls."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer, Outcome
from worker.providers.base import BadInput, BucketSpec
from worker.providers.client import Client
from worker.providers.seller_center import door
from worker.providers.seller_center.buckets import buckets
from worker.providers.seller_center.configuration import SellerOptions
from worker.providers.seller_center.items import Wanted
from worker.providers.seller_center.operations import (
    GET_FAILURE_REASONS,
    GET_ORDER_ITEMS,
    SET_STATUS_TO_CANCELED,
    Operation,
)
from worker.providers.seller_center.reasons import describe, read_reasons
from worker.providers.seller_center.responses import parse
from worker.providers.seller_center.signing import Account, sign
from worker.providers.transport import HttpReply, Transport


class SellerCenter:
    """A seller's account. It cancels order items and has no operation that confirms."""

    name = "seller_center"

    def __init__(self, seller: str, options: SellerOptions, client: Client) -> None:
        self.seller = seller
        self._options = options
        self._client = client
        self._account = Account(
            endpoint=options.endpoint,
            user_id=options.user_id,
            api_key=options.api_key.get_secret_value(),
            format=options.format,
            version=options.version,
        )

    @classmethod
    def from_configuration(
        cls,
        seller: str,
        options: Mapping[str, Any],
        *,
        call_timeout: float,
        user_agent: str,
        clock: Callable[[], float],
        on_sent: Callable[[], None] = lambda: None,
    ) -> Self:
        """Build the seller. Raises BadInput with the key and what would be right."""
        read = SellerOptions.read(seller, options)
        transport = Transport(
            call_timeout=call_timeout,
            proxy=read.proxy,
            ca_bundle=read.ca_bundle,
            user_agent=read.user_agent or user_agent,
            on_sent=on_sent,
        )
        return cls(seller, read, Client(transport, clock))

    def check(self, request: Request) -> None:
        """Raise BadInput if Seller Center could never carry the request out."""
        door.check(request)

    def operation(self, task: Task, step: Step) -> str:
        """The operation of a step of a cancel. Raises BadInput for a confirm."""
        door.check_task(task)
        return _operation(step).name

    def can_look_up(self, request: Request) -> bool:
        """An item can only be read through its parent order."""
        return request.parent_order_id is not None

    def buckets(self) -> Mapping[str, BucketSpec]:
        """The bucket of each operation, by operation."""
        options = self._options
        return buckets(self.seller, self._account, options.configured_quotas, options.margin)

    def perform(self, job: Job) -> Answer:
        """Send the one request of `job.step`. Raises BadInput for what `check` refuses."""
        door.check(job.request)
        operation = _operation(job.step)
        if operation is SET_STATUS_TO_CANCELED:
            return self._call(operation, self._cancellation(job.request))
        return self._call(operation, _parent(job.request), self._wanted(job.request))

    def probe(self) -> tuple[Answer, list[str]]:
        """Read the reasons of a cancellation: do the credentials work, is the reason known?"""
        bodies: list[bytes] = []

        def read(reply: HttpReply, now: float) -> Answer:
            bodies.append(reply.body)
            return parse(reply, now, GET_FAILURE_REASONS)

        answer = self._client.call(partial(sign, self._account, GET_FAILURE_REASONS, {}), read)
        if answer.outcome is not Outcome.APPLIED:
            return answer, []
        key = f"sellers.{self.seller}.reason"
        return answer, describe(read_reasons(bodies[-1]), self._options.reason, key)

    def secrets(self) -> tuple[str, ...]:
        """The API key, and the proxy's password if there is one."""
        password = self._options.proxy_password
        return (self._account.api_key, password) if password else (self._account.api_key,)

    def _call(
        self, operation: Operation, parameters: Mapping[str, str], wanted: Wanted | None = None
    ) -> Answer:
        return self._client.call(
            partial(sign, self._account, operation, parameters),
            partial(parse, operation=operation, wanted=wanted),
        )

    def _cancellation(self, request: Request) -> dict[str, str]:
        parameters = {
            "OrderItemId": request.order_id,
            self._options.reason_parameter: request.reason or self._options.reason,
        }
        if request.reason_detail:
            parameters["ReasonDetail"] = request.reason_detail
        return parameters

    def _wanted(self, request: Request) -> Wanted:
        reason = request.reason or self._options.reason
        return Wanted(request.order_id, reason, request.reason_detail)


def _operation(step: Step) -> Operation:
    return GET_ORDER_ITEMS if step.is_lookup else SET_STATUS_TO_CANCELED


def _parent(request: Request) -> dict[str, str]:
    if request.parent_order_id is None:
        raise BadInput("parent_order_id", "is missing, and without it the item cannot be read.")
    return {"OrderId": request.parent_order_id}

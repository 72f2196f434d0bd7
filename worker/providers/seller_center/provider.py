"""One configured Seller Center account: the Provider that the executor calls."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self
from urllib.parse import quote, urlsplit

from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer, OrderView, Outcome
from worker.providers.base import BadInput, BucketSpec
from worker.providers.client import Client
from worker.providers.echoes import presentable
from worker.providers.seller_center import admission
from worker.providers.seller_center.buckets import buckets
from worker.providers.seller_center.configuration import Configuration, configured
from worker.providers.seller_center.lookup import CANCELED, PENDING, read_item
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

NOT_SENT = "Nothing was sent. Give a new job what the message asks for."


class SellerCenter:
    """A seller at Seller Center, where order items are cancelled and nothing is confirmed."""

    name = "seller_center"
    reached: Mapping[Task, str] = {Task.CANCEL: CANCELED}
    cancellable = (PENDING,)
    sca = False

    def __init__(self, seller: str, configuration: Configuration, client: Client) -> None:
        self.seller = seller
        self._configuration = configuration
        self._client = client
        self._account = Account(
            endpoint=configuration.endpoint,
            user_id=configuration.user_id,
            api_key=configuration.api_key.get_secret_value(),
            format=configuration.format,
            version=configuration.version,
        )
        self._buckets = buckets(seller, self._account, configuration)

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
        configuration = configured(options)
        proxy = configuration.proxy
        transport = Transport(
            call_timeout=call_timeout,
            proxy=proxy.get_secret_value() if proxy else None,
            ca_bundle=configuration.ca_bundle,
            user_agent=configuration.user_agent or user_agent,
            on_sent=on_sent,
        )
        return cls(seller, configuration, Client(transport, clock))

    def check(self, request: Request) -> None:
        admission.check(request)

    def operation(self, task: Task, step: Step) -> str:  # noqa: ARG002
        """The operation of a step. A confirm has none: it waits with the writes to be refused."""
        return _operation(step).action

    def can_look_up(self, request: Request) -> bool:
        """An item can only be read through its parent order."""
        return request.parent_order_id is not None

    def lifetime(self, task: Task) -> float | None:  # noqa: ARG002
        """None of its pages names a limit."""
        return None

    def buckets(self) -> Mapping[str, BucketSpec]:
        return self._buckets

    def perform(self, job: Job) -> Answer:
        """Send the one request of `job.step`.

        A job that the door would refuse can still come: accepted, perhaps, when its seller was
        at another provider. It is rejected here, and nothing is sent.
        """
        try:
            admission.check(job.request)
        except BadInput as error:
            return Answer(Outcome.REJECTED, message=str(error), advice=NOT_SENT)
        request = replace(job.request, reason=job.request.reason or self._configuration.reason)
        operation = _operation(job.step)
        if operation is SET_STATUS_TO_CANCELED:
            return self._call(operation, self._write_parameters(request))
        parent = {"OrderId": request.parent_order_id or ""}
        return self._call(operation, parent, partial(read_item, request=request))

    def probe(self) -> tuple[Answer, list[str]]:
        """Read the venture's reasons: do the credentials work, is the configured one among them?"""
        bodies: list[bytes] = []

        def read(reply: HttpReply, now: float) -> Answer:
            bodies.append(reply.body)
            return parse(reply, now, action=GET_FAILURE_REASONS.action)

        asked = f"{GET_FAILURE_REASONS.action} at {self._account.endpoint}"
        signed = partial(sign, self._account, GET_FAILURE_REASONS, {})
        answer = presentable(self._client.call(signed, read), self.secrets())
        if answer.outcome is Outcome.APPLIED:
            reasons = read_reasons(bodies[-1])
            return answer, [asked, *describe(reasons, self._configuration.reason)]
        lines = [asked, f"{answer.outcome}: {answer.message or answer.code}"]
        if answer.clock_offset is not None:
            lines.append(f"The provider's clock is {answer.clock_offset:+.0f} s from this one's.")
        return answer, [*lines, *([answer.advice] if answer.advice else [])]

    def secrets(self) -> tuple[str, ...]:
        """The API key and a proxy's password, as they are and as they stand in a query."""
        proxy = self._configuration.proxy
        password = urlsplit(proxy.get_secret_value()).password if proxy else None
        plain = [secret for secret in (self._account.api_key, password) if secret]
        return tuple(dict.fromkeys(plain + [quote(secret, safe="") for secret in plain]))

    def _call(
        self,
        operation: Operation,
        parameters: Mapping[str, str],
        read: Callable[[object], OrderView | None] | None = None,
    ) -> Answer:
        answer = self._client.call(
            partial(sign, self._account, operation, parameters),
            partial(parse, action=operation.action, read=read),
        )
        return presentable(answer, self.secrets())

    def _write_parameters(self, request: Request) -> dict[str, str]:
        parameters = {
            "OrderItemId": request.order_id,
            self._configuration.reason_parameter: request.reason or "",
        }
        if request.reason_detail:
            parameters["ReasonDetail"] = request.reason_detail
        return parameters


def _operation(step: Step) -> Operation:
    return GET_ORDER_ITEMS if step.is_lookup else SET_STATUS_TO_CANCELED

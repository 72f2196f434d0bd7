"""One configured Amazon Pay seller: the Provider that the executor calls."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer, OrderView, Outcome, Standing
from worker.providers.amazon_pay import admission
from worker.providers.amazon_pay.configuration import Configuration, QuotaOptions, configured
from worker.providers.amazon_pay.documents import text
from worker.providers.amazon_pay.lookup import CANCELLABLE, REACHED, read_order
from worker.providers.amazon_pay.operations import (
    LIFETIMES,
    LOOK_UP,
    OPERATIONS,
    ORDER_LETTERS,
    VERSION,
    WRITES,
)
from worker.providers.amazon_pay.responses import parse
from worker.providers.amazon_pay.signing import Credentials, sign
from worker.providers.client import Client
from worker.providers.echoes import presentable
from worker.providers.transport import HttpRequest, Transport

_CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"


class AmazonPay:
    """A seller at Amazon Pay. Safe to share between threads."""

    name = "amazon_pay"
    reached: Mapping[Task, str] = REACHED
    cancellable = CANCELLABLE

    def __init__(self, seller: str, configuration: Configuration, client: Client) -> None:
        self.seller = seller
        self.sca = configuration.region == "eu"
        self._configuration = configuration
        self._client = client
        self._endpoint = configuration.called
        token = configuration.mws_auth_token
        self._credentials = Credentials(
            configuration.seller_id,
            configuration.access_key.get_secret_value(),
            configuration.secret_key.get_secret_value(),
            token.get_secret_value() if token else None,
        )
        self._buckets = {action: self._bucket(action) for action in OPERATIONS}

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
            user_agent=user_agent,
            on_sent=on_sent,
        )
        return cls(seller, configuration, Client(transport, clock))

    def check(self, request: Request) -> None:
        admission.check(request, self._configuration)

    def operation(self, task: Task, step: Step) -> str:
        return (LOOK_UP if step.is_lookup else WRITES[task]).action

    def can_look_up(self, request: Request) -> bool:  # noqa: ARG002
        """Every order reference can be read."""
        return True

    def lifetime(self, task: Task) -> float | None:
        """An order is there when its confirm is asked for: it has this long from then at most."""
        return LIFETIMES.get(task)

    def buckets(self) -> Mapping[str, BucketSpec]:
        return self._buckets

    def perform(self, job: Job) -> Answer:
        action = self.operation(job.task, job.step)
        if job.step.is_lookup:
            parameters = {"AmazonOrderReferenceId": job.order_id}
            return self._call(action, parameters, partial(read_order, job=job))
        return self._call(action, self._write_parameters(job.request))

    def probe(self) -> tuple[Answer, list[str]]:
        """Read an order that cannot exist: any answer about the order proves the credentials."""
        letter = ORDER_LETTERS[self._configuration.environment]
        order_id = f"{letter}00-0000000-0000000"
        asked = f"{LOOK_UP.action} of {order_id} at {self._endpoint.url}"
        answer = self._call(LOOK_UP.action, {"AmazonOrderReferenceId": order_id}, _any_order)
        if answer.code == "InvalidOrderReferenceId":
            answer = replace(answer, outcome=Outcome.APPLIED, advice=None)
        if answer.outcome is Outcome.APPLIED:
            return answer, [asked, "The provider accepts the credentials and the clock."]
        what = " ".join(part for part in (answer.code, answer.message) if part)
        lines = [asked, f"{answer.outcome}: {what}"]
        if answer.clock_offset is not None:
            lines.append(f"The provider's clock is {answer.clock_offset:+.0f} s from this one's.")
        return answer, [*lines, *([answer.advice] if answer.advice else [])]

    def secrets(self) -> tuple[str, ...]:
        proxy = self._configuration.proxy
        password = urlsplit(proxy.get_secret_value()).password if proxy else None
        own = self._credentials
        found = [own.secret_key, own.access_key, own.auth_token, password]
        plain = [secret for secret in found if secret]
        return tuple(dict.fromkeys(plain + [quote(secret, safe="") for secret in plain]))

    def _write_parameters(self, request: Request) -> dict[str, str]:
        parameters = {"AmazonOrderReferenceId": request.order_id}
        if request.task is Task.CANCEL and request.reason is not None:
            parameters["CancelationReason"] = request.reason
        if request.task is Task.CONFIRM and self._configuration.sca:
            configuration = self._configuration
            parameters["SuccessUrl"] = request.success_url or configuration.success_url or ""
            parameters["FailureUrl"] = request.failure_url or configuration.failure_url or ""
        return parameters

    def _call(
        self,
        action: str,
        parameters: Mapping[str, str],
        read: Callable[[Element], OrderView | None] | None = None,
    ) -> Answer:
        def signed(now: float) -> HttpRequest:
            body = sign(
                {"Action": action, "Version": VERSION, **parameters},
                method="POST",
                endpoint=self._endpoint,
                credentials=self._credentials,
                date=now,
            )
            headers = {"Host": self._endpoint.signed_host, "Content-Type": _CONTENT_TYPE}
            return HttpRequest("POST", self._endpoint.url, headers, body.encode("ascii"))

        answer = self._client.call(signed, partial(parse, action=action, read=read))
        # A refused signature is answered with the whole text that should have been signed.
        return presentable(answer, self.secrets())

    def _bucket(self, action: str) -> BucketSpec:
        configuration = self._configuration
        quota = OPERATIONS[action].quota(configuration.environment)
        given = configuration.quotas.get(action, QuotaOptions())
        fingerprint = hashlib.sha256(self._credentials.access_key.encode()).hexdigest()[:12]
        account = f"{self._endpoint.account}|{configuration.seller_id}|{fingerprint}"
        return BucketSpec(
            key=f"{account}|{action}",
            seller=self.seller,
            operation=action,
            capacity=given.capacity or quota.capacity,
            rate=given.restore_rate or quota.restore_rate,
            source=quota.source if action not in configuration.quotas else "configured",
            margin=configuration.margin,
        )


def _any_order(details: Element) -> OrderView | None:
    state = text(details, "OrderReferenceStatus", "State")
    order_id = text(details, "AmazonOrderReferenceId") or ""
    return OrderView(order_id, state, Standing.NOT_YET) if state else None

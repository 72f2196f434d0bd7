"""Amazon Pay's side of the sandbox: what is checked in which order, and how it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate

from worker.sandbox.accounts import AmazonPayAccount
from worker.sandbox.amazon_pay import documents, signing, staging
from worker.sandbox.amazon_pay.context import Context
from worker.sandbox.amazon_pay.errors import CODES, STATUS_SWITCHES
from worker.sandbox.amazon_pay.operations import OPERATIONS
from worker.sandbox.amazon_pay.orders import ID_LENGTH, ORDER_ID, Orders
from worker.sandbox.exchange import Admission, Applied, Call, Refusal, Reply, Request
from worker.sandbox.quotas import Key, Quotas, Take
from worker.sandbox.switches import Switches
from worker.sandbox.timestamps import read

VERSION = "2013-01-01"
ENVIRONMENTS = {
    f"/OffAmazonPayments_Sandbox/{VERSION}": "sandbox",
    f"/OffAmazonPayments/{VERSION}": "production",
}
REQUIRED = (
    "AWSAccessKeyId",
    "Action",
    "SellerId",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "Version",
    "Signature",
)


class AmazonPay:
    """Implements `exchange.Service`."""

    provider = "amazon_pay"

    def __init__(
        self, accounts: Sequence[AmazonPayAccount], switches: Switches, quotas: Quotas
    ) -> None:
        self._accounts = accounts
        self._switches = switches
        self._quotas = quotas
        self.orders = Orders()

    def read(self, request: Request) -> Call:
        parameters = dict((*request.query, *request.form))
        order_id = parameters.get("AmazonOrderReferenceId")
        if order_id is None:
            part = parameters.get("AmazonAuthorizationId") or parameters.get("AmazonCaptureId")
            order_id = part[:ID_LENGTH] if part else None
        return Call(
            self.provider,
            request,
            parameters,
            operation=parameters.get("Action", ""),
            seller=parameters.get("SellerId", ""),
            order_id=order_id,
            environment=ENVIRONMENTS.get(request.path.removesuffix("/"), ""),
        )

    def admit(self, call: Call, now: float) -> Admission:
        """Route, parameters present, access key, timestamp, signature, account, throttle."""
        self._check_route(call)
        self._check_present(call)
        accounts = self._check_access_key(call)
        self._check_timestamp(call, now)
        account = self._check_signature(call, accounts)
        self._check_account(call, account)
        return self._check_throttle(call, account)

    def _check_route(self, call: Call) -> None:
        if not call.environment:
            raise Refusal("InvalidAddress")
        if call.request.oversized:
            raise Refusal("InvalidParameterValue", "The request is too large.")
        if call.operation and call.operation not in OPERATIONS:
            raise Refusal(self._switches.word("unknown_action_code"))

    def _check_present(self, call: Call) -> None:
        required = OPERATIONS[call.operation].required if call.operation else ()
        for name in (*REQUIRED, *required):
            if not call.parameters.get(name):
                code = self._switches.word("missing_parameter_code")
                raise Refusal(code, f"Required parameter {name} not found.")
        for name, right in (
            ("SignatureVersion", ("2",)),
            ("SignatureMethod", tuple(signing.DIGESTS)),
            ("Version", (VERSION,)),
        ):
            if call.parameters[name] not in right:
                raise Refusal("InvalidParameterValue", f"The value of {name} is invalid.")

    def _check_access_key(self, call: Call) -> list[AmazonPayAccount]:
        key = call.parameters["AWSAccessKeyId"]
        accounts = [account for account in self._accounts if account.access_key == key]
        if not accounts:
            raise Refusal(self._switches.word("unknown_key_code"))
        return accounts

    def _check_timestamp(self, call: Call, now: float) -> None:
        text = call.parameters["Timestamp"]
        timestamp = read(text)
        if timestamp is None or not timestamp.seconds:
            raise Refusal("InvalidParameterValue", "The value of Timestamp is invalid.")
        if abs(timestamp.at - now) > self._switches.number("timestamp_tolerance_s"):
            raise Refusal(
                self._switches.word("timestamp_error"),
                f"Request has expired. Timestamp date is {text}.",
            )

    def _check_signature(
        self, call: Call, accounts: Sequence[AmazonPayAccount]
    ) -> AmazonPayAccount:
        request = call.request
        hosts = [signing.canonical_host(request.headers.get("host", ""))]
        if self._switches.word("signed_host") == "received_or_url":
            hosts.append(f"http://{hosts[0]}")
        seller = call.parameters["SellerId"]
        for account in sorted(accounts, key=lambda one: one.seller_id != seller):
            if signing.is_signed(
                call.parameters, request.verb, hosts, request.path, account.secret_key
            ):
                return account
        raise Refusal("SignatureDoesNotMatch")

    def _check_account(self, call: Call, account: AmazonPayAccount) -> None:
        """The key must be allowed to act for the seller, by its token if it is a developer's."""
        if account.seller_id != call.seller:
            raise Refusal("AccessDenied")
        if account.mws_auth_token is not None:
            token = call.parameters.get("MWSAuthToken")
            if not token:
                raise Refusal("MissingAuthenticationToken")
            if token != account.mws_auth_token:
                raise Refusal("AccessDenied")

    def _check_throttle(self, call: Call, account: AmazonPayAccount) -> Admission:
        operation = OPERATIONS[call.operation]
        quota = account.quotas.get(
            call.operation,
            operation.sandbox if call.environment == "sandbox" else operation.production,
        )
        take = self._quotas.take(
            self._key(call, account),
            quota,
            call.request.arrived,
            by_ticks=self._switches.word("restore") == "per_tick",
            charge_refused=self._switches.is_on("throttled_uses_quota"),
        )
        headers = self._quota_headers(take, call.request.arrived)
        if not take.granted:
            raise Refusal("RequestThrottled", throttled=True, level=take.level, headers=headers)
        return Admission(take.level, headers)

    def _key(self, call: Call, account: AmazonPayAccount) -> Key:
        kept = self._switches.word("bucket_key")
        return (
            self.provider,
            account.seller_id,
            "" if kept == "without_key" else account.access_key,
            "" if kept == "without_environment" else call.environment,
            call.operation,
        )

    def _quota_headers(self, take: Take, now: float) -> dict[str, str]:
        spelling = self._switches.word("quota_headers")
        if spelling == "none":
            return {}
        full_at = now + take.full_in
        iso = datetime.fromtimestamp(full_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {
            "x-mws-quota-max": f"{take.capacity:.1f}",
            "x-mws-quota-remaining": f"{int(take.level):.1f}",
            "x-mws-quota-resetsOn": iso if spelling == "iso" else formatdate(full_at, usegmt=True),
        }

    def apply(self, call: Call, now: float, lag: float | None) -> Applied:
        operation = OPERATIONS[call.operation]
        context = Context(
            self.orders,
            self._switches,
            call.parameters,
            call.operation,
            call.seller,
            call.environment,
            now,
            self._switches.number("read_lag_s") if lag is None else lag,
        )
        result, changed = operation.perform(context)
        if operation.write:
            order = context.order()
            order.accepted[call.operation] += 1
            order.changed[call.operation] += changed
        reply = documents.success(call.operation, result, self._switches, now)
        return Applied(reply, operation.write, changed)

    def refuse(self, call: Call, refusal: Refusal, now: float) -> Reply:
        usual, text = CODES.get(refusal.code, (400, refusal.code))
        switch = STATUS_SWITCHES.get(refusal.code)
        status = refusal.status or (int(self._switches.word(switch)) if switch else usual)
        message = refusal.message or text.format(order=call.order_id, constraints="AmountNotSet")
        reply = documents.error(refusal.code, message, status, self._switches, now)
        return replace(reply, headers={**reply.headers, **refusal.headers})

    def owns(self, order_id: str) -> bool:
        return ORDER_ID.fullmatch(order_id) is not None

    def shown(self, now: float, order_id: str | None = None) -> list[dict[str, object]]:
        found = self.orders.known(order_id)
        for order in found:
            order.age(now)
        return [staging.shown(order) for order in found]

    def stage(self, order_id: str, fields: Mapping[str, object], now: float) -> None:
        sellers = [account.seller_id for account in self._accounts]
        staging.stage(self.orders, sellers, order_id, fields, now)

    def forget(self) -> None:
        self.orders.clear()

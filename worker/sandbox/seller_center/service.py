"""Seller Center's side of the sandbox: what is checked in which order, and how it is answered."""

import re
from collections.abc import Mapping, Sequence

from worker.sandbox.accounts import SellerCenterAccount
from worker.sandbox.exchange import Admission, Applied, Call, Refusal, Reply, Request
from worker.sandbox.quotas import Quotas
from worker.sandbox.seller_center import envelopes, errors, signing, staging
from worker.sandbox.seller_center.context import Context, refusal
from worker.sandbox.seller_center.items import Items, is_id
from worker.sandbox.seller_center.operations import OPERATIONS
from worker.sandbox.switches import Switches
from worker.sandbox.timestamps import Timestamp, read

ASSUMED_QUOTA = (10.0, 1.0)  # no venture publishes a number
COMMON = ("Action", "Timestamp", "UserID", "Version", "Signature")
USER_AGENT = re.compile(r"[^/]+/[^/]+/[^/]+/[^/]+/FA(CL|CO|PE)")


class SellerCenter:
    """Implements `exchange.Service`."""

    provider = "seller_center"

    def __init__(
        self, accounts: Sequence[SellerCenterAccount], switches: Switches, quotas: Quotas
    ) -> None:
        self._accounts = accounts
        self._switches = switches
        self._quotas = quotas
        self.items = Items()

    def read(self, request: Request) -> Call:
        pairs = request.query
        if self._switches.word("param_source") == "query_and_form":
            pairs += request.form
        parameters = dict(pairs)
        operation = parameters.get("Action", "")
        if not operation and self._switches.word("missing_action") != "E001":
            operation = self._switches.word("missing_action")
        named = ("OrderItemId", "OrderId", "OrderItemIds", "OrderIdList")
        return Call(
            self.provider,
            request,
            parameters,
            operation=operation,
            seller=parameters.get("UserID", ""),
            order_id=next((parameters[name] for name in named if name in parameters), None),
            duplicates=len(parameters) < len(pairs),
        )

    def admit(self, call: Call, now: float) -> Admission:
        """Common parameters, version, timestamp, user and signature, action, role, quota."""
        self._check_form(call)
        self._check_common(call)
        self._check_timestamp(call, now)
        account = self._check_signature(call)
        self._check_action(call)
        if not account.order_access:
            raise refusal(9)
        admission = self._check_quota(call, account)
        self._remember(call)
        return admission

    def _check_form(self, call: Call) -> None:
        """What stands before the parameters: size, agent, duplicates."""
        if call.request.oversized:
            raise refusal(11)
        if self._switches.word("user_agent_check") == "reject" and not USER_AGENT.fullmatch(
            call.request.headers.get("user-agent", "")
        ):
            raise Refusal("E009", status=403)
        if call.duplicates and self._switches.word("duplicate_parameters") == "E005":
            raise refusal(5)

    def _check_common(self, call: Call) -> None:
        for name in COMMON:
            present = call.operation if name == "Action" else call.parameters.get(name)
            if not present:
                raise refusal(1, name)
        if call.parameters.get("Format", "XML") not in {"XML", "JSON"}:
            raise refusal(5)
        if call.parameters["Version"] != "1.0":
            raise refusal(2)

    def _check_timestamp(self, call: Call, now: float) -> None:
        timestamp = read(call.parameters["Timestamp"])
        if timestamp is None or any(
            self._switches.word(switch) == "E004" for switch in spellings(timestamp)
        ):
            raise refusal(4)
        if abs(timestamp.at - now) > self._switches.number("timestamp_window_s"):
            raise refusal(3)

    def _check_signature(self, call: Call) -> SellerCenterAccount:
        accounts = [account for account in self._accounts if account.user_id == call.seller]
        if not accounts and self._switches.word("unknown_user") == "E009":
            raise refusal(9)
        for account in accounts:
            if signing.is_signed(call.parameters, account.api_key):
                return account
        raise Refusal("E007", self._switches.word("e007_text"))

    def _check_action(self, call: Call) -> None:
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise refusal(8)
        if self._switches.word("verb_check") == "strict" and call.request.verb != operation.verb:
            raise refusal(5)
        known = {*COMMON, "Format", *operation.parameters}
        if self._switches.word("unknown_parameters") == "E005" and set(call.parameters) - known:
            raise refusal(5)

    def _check_quota(self, call: Call, account: SellerCenterAccount) -> Admission:
        quota = account.quotas.get(call.operation)
        if quota is None and self._switches.word("quota") == "none":
            return Admission()
        of_operation = call.operation if self._switches.word("quota_of") == "operation" else ""
        take = self._quotas.take(
            (self.provider, account.user_id, of_operation),
            quota or ASSUMED_QUOTA,
            call.request.arrived,
            by_ticks=self._switches.word("restore") == "per_tick",
            charge_refused=self._switches.is_on("throttled_uses_quota"),
        )
        if not take.granted:
            raise Refusal("E429", throttled=True, level=take.level)
        return Admission(take.level)

    def _remember(self, call: Call) -> None:
        """An item that a cancel names exists from then on, also if a fault keeps it pending."""
        item_id = call.parameters.get("OrderItemId", "")
        beginning = self._switches.word("unknown_order")
        if is_id(item_id) and beginning != "invalid":
            arrived = call.request.arrived
            self.items.find(call.seller, item_id, arrived, processable=beginning == "ready")

    def apply(self, call: Call, now: float, lag: float | None) -> Applied:
        operation = OPERATIONS[call.operation]
        context = Context(
            self.items,
            self._switches,
            call.parameters,
            call.operation,
            call.seller,
            now,
            self._switches.number("read_lag_s") if lag is None else lag,
        )
        result = operation.perform(context)
        reply = envelopes.success(
            call.operation, result.kind, result.body, form(call), self._switches, now
        )
        return Applied(reply, operation.write, result.changed)

    def refuse(self, call: Call, refusal: Refusal, now: float) -> Reply:
        del now  # an error's head carries no time
        code = errors.number(refusal.code)
        name = errors.name(code)
        message = refusal.message or errors.CODES.get(code, "").format(value="")
        if message and not message.startswith(name):
            message = f"{name}: {message}"
        switch = "throttle_http_status" if code == errors.THROTTLED else "error_http_status"
        status = refusal.status or int(self._switches.word(switch))
        reply = envelopes.error(call.operation, code, message, status, form(call), self._switches)
        wait = self._switches.maybe_number("retry_after")
        if code == errors.THROTTLED and wait is not None:
            reply.headers["Retry-After"] = f"{wait:g}"
        return reply

    def owns(self, order_id: str) -> bool:
        return is_id(order_id)

    def shown(self, now: float, order_id: str | None = None) -> list[dict[str, object]]:
        del now  # items do not change by themselves
        return [staging.shown(item) for item in self.items.known(order_id)]

    def stage(self, order_id: str, fields: Mapping[str, object], now: float) -> None:
        users = [account.user_id for account in self._accounts]
        staging.stage(self.items, users, order_id, fields, now)

    def forget(self) -> None:
        self.items.clear()


def spellings(timestamp: Timestamp) -> list[str]:
    """The switches that decide whether this spelling of a moment is taken."""
    return [
        switch
        for switch, used in (
            ("timestamp_naive", timestamp.naive),
            ("timestamp_fraction", timestamp.fraction),
            ("timestamp_no_seconds", not timestamp.seconds),
        )
        if used
    ]


def form(call: Call) -> str:
    """The format that was asked for; XML unless it is JSON."""
    return call.parameters.get("Format", "XML")

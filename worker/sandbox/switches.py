"""What the documentation leaves open, as a table of switches with the likeliest answer as default.

A value given as text (a command line, a file) is read as the switch's kind. `Switches` answers
by name and kind: `word` for a choice, `number`, `maybe_number` and `names` for the others.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from worker.sandbox.fields import BadSetting

Value = str | float | tuple[str, ...] | None

ANY, AMAZON, CENTER = "both", "amazon_pay", "seller_center"


T = TypeVar("T", str, float)


class Kind(StrEnum):
    NUMBER = "a number of at least 0"
    MAYBE_NUMBER = 'a number of at least 0, or "none"'
    NAMES = "a list of names"


@dataclass(frozen=True, slots=True)
class Switch:
    """`allowed` is the choice of words, or the kind of a free value."""

    name: str
    provider: str
    default: Value
    allowed: tuple[str, ...] | Kind

    def read(self, value: object) -> Value:
        """The value in the switch's kind; raises BadSetting with a sentence."""
        match self.allowed:
            case Kind.NAMES:
                found: Value = _names(value)
            case Kind.MAYBE_NUMBER if value is None or value == "none":
                return None
            case Kind.NUMBER | Kind.MAYBE_NUMBER:
                found = _number(value)
            case _:
                found = str(value) if str(value) in self.allowed else None
        if found is None:
            rule = self.allowed if isinstance(self.allowed, Kind) else ", ".join(self.allowed)
            raise BadSetting(f"Switch {self.name} is {value!r}; allowed: {rule}.")
        return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def _names(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",")]
    if not isinstance(value, Iterable):
        return None
    names = tuple(value)
    return names if all(isinstance(name, str) and name for name in names) else None


NOT_OPEN = "InvalidOrderReferenceStatus"
FIXED = "OrderReferenceNotModifiable"
NO_CANCEL = "InvalidCancelAttempt"
NO_CLOSE = "InvalidCloseAttempt"
SAME = "ok_no_change"

TABLE = (
    # How an id that was never seen begins: an order reference, an order item.
    Switch("unknown_order", ANY, "ready", ("ready", "constrained", "invalid")),
    Switch("read_lag_s", ANY, 0.0, Kind.NUMBER),
    Switch("throttled_uses_quota", ANY, "no", ("no", "yes")),
    Switch("restore", ANY, "continuous", ("continuous", "per_tick")),
    # Amazon Pay: what an operation does in a state.
    Switch("confirm_on_open", AMAZON, SAME, (SAME, NOT_OPEN, FIXED)),
    Switch("confirm_on_canceled", AMAZON, NOT_OPEN, (NOT_OPEN, FIXED, SAME)),
    Switch("confirm_on_closed", AMAZON, NOT_OPEN, (NOT_OPEN, FIXED, SAME)),
    Switch(
        "confirm_on_suspended", AMAZON, "open_if_repaired", ("open_if_repaired", SAME, "error")
    ),
    # Strong customer authentication. An answered confirm leaves the order in Draft: "on" until a
    # test stages the buyer's answer, else until the buyer does this, after so many seconds.
    Switch("sca", AMAZON, "off", ("off", "on", "approves", "declines")),
    Switch("buyer_after_s", AMAZON, 0.0, Kind.NUMBER),
    # How long an Authorize with a TransactionTimeout is Pending.
    Switch("authorization_pending_s", AMAZON, 0.0, Kind.NUMBER),
    Switch("cancel_on_draft", AMAZON, "canceled", ("canceled", NO_CANCEL, NOT_OPEN)),
    Switch("cancel_on_canceled", AMAZON, SAME, (SAME, NOT_OPEN, NO_CANCEL)),
    Switch("cancel_on_closed", AMAZON, NOT_OPEN, (NOT_OPEN, NO_CANCEL)),
    Switch("cancel_with_captures", AMAZON, NO_CANCEL, (NO_CANCEL, NOT_OPEN)),
    Switch("cancel_reason_over_1024", AMAZON, "InvalidParameterValue",
           ("InvalidParameterValue", "truncate")),
    Switch("close_on_draft", AMAZON, NOT_OPEN, (NOT_OPEN, NO_CLOSE)),
    Switch("close_on_canceled", AMAZON, NOT_OPEN, (NOT_OPEN, NO_CLOSE)),
    Switch("close_on_closed", AMAZON, SAME, (SAME, NO_CLOSE)),
    # Amazon Pay: how it refuses.
    Switch("state_error_status", AMAZON, "405", ("405", "404", "400")),
    Switch("constraints_status", AMAZON, "400", ("400", "404")),
    Switch("invalid_address_status", AMAZON, "400", ("400", "404")),
    Switch("unknown_action_code", AMAZON, "InvalidAddress",
           ("InvalidAddress", "InvalidParameterValue", "InvalidAction")),
    Switch("missing_parameter_code", AMAZON, "InvalidParameterValue",
           ("InvalidParameterValue", "MissingParameter")),
    Switch("unknown_key_code", AMAZON, "InvalidAccessKeyId",
           ("InvalidAccessKeyId", "InvalidClientTokenId")),
    Switch("timestamp_tolerance_s", AMAZON, 900.0, Kind.NUMBER),
    Switch("timestamp_error", AMAZON, "InvalidParameterValue",
           ("InvalidParameterValue", "RequestExpired")),
    # python `mws` signs "http://" into the host when its base address is plain http, and a
    # loopback server has no other address to give it.
    Switch("signed_host", AMAZON, "received_or_url", ("received_or_url", "received")),
    Switch("bucket_key", AMAZON, "full", ("full", "without_key", "without_environment")),
    Switch("quota_headers", AMAZON, "none", ("none", "iso", "http_date")),
    Switch("error_type", AMAZON, "by_status", ("by_status", "Sender", "Server", "blank")),
    Switch("error_body", AMAZON, "xml", ("xml", "plain_text", "html", "empty")),
    Switch("request_id_tag", AMAZON, "RequestId", ("RequestId", "RequestID")),
    Switch("result_element", AMAZON, "absent", ("absent", "empty")),
    Switch("namespace_scheme", AMAZON, "https", ("https", "http")),
    # Seller Center: what an operation does.
    Switch("missing_action", CENTER, "E001", ("E001", "SetStatusToCanceled")),
    Switch("cancel_of_canceled", CENTER, "E028", ("E028", "success")),
    Switch("cancel_from", CENTER, ("pending",), Kind.NAMES),
    Switch("cancel_scope", CENTER, "item", ("item", "package")),
    Switch("reason_list", CENTER,
           ("SHORTAGE", "Sourcing team couldn't find items", "Wrong address"), Kind.NAMES),
    Switch("reason_compare", CENTER, "exact", ("exact", "case_insensitive")),
    Switch("reason_parameter", CENTER, "Reason", ("Reason", "ReasonId")),
    Switch("reason_detail_limit", CENTER, None, Kind.MAYBE_NUMBER),
    # Seller Center: which requests it takes.
    Switch("quota", CENTER, "assumed", ("assumed", "none")),
    Switch("quota_of", CENTER, "operation", ("operation", "user")),
    Switch("timestamp_window_s", CENTER, 300.0, Kind.NUMBER),
    Switch("timestamp_naive", CENTER, "E004", ("E004", "accept")),
    Switch("timestamp_fraction", CENTER, "accept", ("accept", "E004")),
    Switch("timestamp_no_seconds", CENTER, "accept", ("accept", "E004")),
    Switch("param_source", CENTER, "query_and_form", ("query_and_form", "query")),
    Switch("verb_check", CENTER, "off", ("off", "strict")),
    Switch("user_agent_check", CENTER, "off", ("off", "reject")),
    Switch("duplicate_parameters", CENTER, "last_wins", ("last_wins", "E005")),
    Switch("unknown_parameters", CENTER, "ignored", ("ignored", "E005")),
    Switch("unknown_user", CENTER, "E007", ("E007", "E009")),
    # Seller Center: how it answers.
    Switch("error_http_status", CENTER, "200", ("200", "400")),
    Switch("throttle_http_status", CENTER, "200", ("200", "429")),
    Switch("retry_after", CENTER, None, Kind.MAYBE_NUMBER),
    Switch("e007_text", CENTER, "E007: Login failed",
           ("E007: Login failed", "E007: Login failed. Signature mismatching",
            "E007: Login failed. Signature mismatch")),
    Switch("error_code_missing", CENTER, "off", ("off", "on")),
    # A code that the client does not know is final by the one, and unclear by the other.
    Switch("item_error_type", CENTER, "by_code", ("by_code", "Sender", "Platform")),
    Switch("json_single_item", CENTER, "object", ("object", "array")),
    Switch("empty_body", CENTER, '""', ('""', "[]", "{}")),
    Switch("head_offset", CENTER, "+0000", ("+0000", "-03:00")),
)  # fmt: skip

SWITCHES = {switch.name: switch for switch in TABLE}


class Switches:
    """The switches in force. Values that are not set are the defaults of the table."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._values: dict[str, Value] = {switch.name: switch.default for switch in TABLE}
        self.update(values or {})

    def update(self, values: Mapping[str, object]) -> None:
        """Set all of them or, at the first that is wrong, none; raises BadSetting."""
        read: dict[str, Value] = {}
        for name, value in values.items():
            if name not in SWITCHES:
                raise BadSetting(f"There is no switch {name!r}; there are {', '.join(SWITCHES)}.")
            read[name] = SWITCHES[name].read(value)
        self._values |= read

    def reset(self) -> None:
        self._values = {switch.name: switch.default for switch in TABLE}

    def values(self) -> dict[str, Value]:
        return dict(self._values)

    def word(self, name: str) -> str:
        return self._of(name, str)

    def is_on(self, name: str) -> bool:
        return self._values[name] in {"on", "yes"}

    def number(self, name: str) -> float:
        return self._of(name, float)

    def maybe_number(self, name: str) -> float | None:
        return None if self._values[name] is None else self._of(name, float)

    def names(self, name: str) -> tuple[str, ...]:
        value = self._values[name]
        if not isinstance(value, tuple):
            raise TypeError(f"Bug! Switch {name} was asked for as a list and is {value!r}.")
        return value

    def _of(self, name: str, kind: type[T]) -> T:
        value = self._values[name]
        if not isinstance(value, kind):
            raise TypeError(f"Bug! Switch {name} was asked for as {kind} and is {value!r}.")
        return value

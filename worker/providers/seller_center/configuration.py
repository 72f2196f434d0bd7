"""`[sellers.<seller>]` of a Seller Center account, validated; and refused readably."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from worker.providers.base import BadInput, Quota
from worker.providers.connections import verifying
from worker.providers.seller_center.operations import OPERATIONS, Operation

LONGEST_SHOWN = 100  # characters of a wrong value
SECRETS = frozenset({"api_key", "proxy"})  # a proxy's URL may hold a password

RULES = {
    "provider": '"seller_center"',
    "endpoint": "the venture's https URL without a query (plain http for loopback only), "
    'for instance "https://sellercenter-api.falabella.com"',
    "user_id": "the e-mail address of an API user",
    "api_key": "the API key of user_id, as plain text",
    "format": '"XML" or "JSON"',
    "version": 'the API\'s version, "1.0"',
    "reason": "a reason for cancellations that the venture knows, up to 1024 characters",
    "reason_parameter": '"Reason" or "ReasonId"',
    "user_agent": "printable ASCII, up to 500 characters",
    "proxy": 'the http or https URL of a proxy, for instance "http://proxy:3128"',
    "ca_bundle": "the path of a file or directory with CA certificates",
    "margin": "a number of seconds, 0 or more, that leaves every operation a capacity of 1",
    "quotas": f"tables named after an operation: {', '.join(OPERATIONS)}",
    "capacity": "a finite number of at least 1",
    "restore_rate": "a finite number of tokens per second above 0",
}


def _endpoint(value: str) -> str:
    """The URL with a path; raises ValueError for one that is not to be called."""
    url = urlsplit(value)
    is_safe = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname or ""))
    is_plain = not (url.query or url.fragment or "@" in url.netloc) and _is_printable(value)
    if not (is_safe and is_plain and url.hostname and url.port != 0):
        raise ValueError
    return value if url.path else f"{value}/"


def _proxy(value: SecretStr) -> SecretStr:
    url = urlsplit(value.get_secret_value())
    is_plain = _is_printable(value.get_secret_value())
    if url.scheme not in ("http", "https") or not url.hostname or url.port == 0 or not is_plain:
        raise ValueError
    return value


def _signable(value: SecretStr) -> SecretStr:
    value.get_secret_value().encode()  # half a surrogate pair raises a ValueError
    return value


def _trustworthy(value: str) -> str:
    try:
        verifying(value)
    except OSError:
        raise ValueError from None
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_printable(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Printable = Annotated[str, StringConstraints(max_length=500, pattern=r"^[!-~][ -~]*$")]


class QuotaOptions(BaseModel):
    """A bucket's numbers in place of the operation's own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    capacity: FiniteFloat | None = Field(default=None, ge=1)
    restore_rate: FiniteFloat | None = Field(default=None, gt=0)  # tokens per second


def _known(quotas: dict[str, QuotaOptions]) -> dict[str, QuotaOptions]:
    if not quotas.keys() <= OPERATIONS.keys():
        raise ValueError
    return quotas


class Configuration(BaseModel):
    """The keys of a Seller Center seller. Secrets are shown by no repr and by no error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: Literal["seller_center"] = "seller_center"
    endpoint: Annotated[str, AfterValidator(_endpoint)]
    user_id: Text
    api_key: Annotated[SecretStr, AfterValidator(_signable)] = Field(min_length=1)
    format: Literal["XML", "JSON"] = "XML"
    version: Text = "1.0"
    reason: Annotated[Text, StringConstraints(max_length=1024)] = "SHORTAGE"
    reason_parameter: Literal["Reason", "ReasonId"] = "Reason"
    user_agent: Printable | None = None  # Falabella asks for one of its own form
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    ca_bundle: Annotated[str, AfterValidator(_trustworthy)] | None = None
    quotas: Annotated[dict[str, QuotaOptions], AfterValidator(_known)] = {}
    margin: FiniteFloat = Field(default=0.0, ge=0)  # seconds

    @model_validator(mode="after")
    def _capacity_above_margin(self) -> Self:
        quotas = [self.quota(operation) for operation in OPERATIONS.values()]
        if any(quota.capacity - quota.restore_rate * self.margin < 1 for quota in quotas):
            raise ValueError
        return self

    def quota(self, operation: Operation) -> Quota:
        """The operation's numbers, or the configured ones; the margin is not yet taken off."""
        given = self.quotas.get(operation.action)
        if given is None:
            return operation.quota
        return Quota(
            given.capacity or operation.quota.capacity,
            given.restore_rate or operation.quota.restore_rate,
            source="configured",
        )


def configured(options: Mapping[str, Any]) -> Configuration:
    """Validate. Raises BadInput with the key, its value (never a secret's) and the rule."""
    try:
        return Configuration.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path, kind, value = [str(part) for part in first["loc"]], first["type"], first["input"]
    if not path:  # the one rule over several keys, and its input is all of them
        path, value = ["margin"], options.get("margin")
    raise BadInput(".".join(path), _sentence(path, kind, value))


def _sentence(path: list[str], kind: str, value: object) -> str:
    if kind == "extra_forbidden":
        known = QuotaOptions if path[0] == "quotas" else Configuration
        return f"there is no such key; the keys are {', '.join(known.model_fields)}."
    rule = RULES.get(path[-1], RULES["quotas"])
    if kind == "missing":
        return f"is missing; give {rule}."
    is_shown = path[-1] in RULES.keys() - SECRETS and (
        path[-1] == "user_id" or "@" not in str(value)
    )
    return f"{_short(repr(value)) if is_shown else 'this value'} is not right; give {rule}."


def _short(shown: str) -> str:
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"

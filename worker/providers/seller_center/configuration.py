"""`[sellers.<id>]` of a Seller Center account: what may stand there, and what is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from worker.providers.base import BadInput, Quota
from worker.providers.seller_center.operations import OPERATIONS

LOOPBACK = ("127.0.0.1", "::1", "localhost")

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
    "margin": "a number of seconds, 0 or more",
    "quotas": f"tables named after an operation: {', '.join(OPERATIONS)}",
    "capacity": "a finite number of at least 1",
    "restore_rate": "a finite number of tokens per second above 0",
}
UNSHOWN = frozenset({"api_key", "proxy"})  # a proxy's URL may hold a password


def _endpoint(value: str) -> str:
    """The URL with its path; raises ValueError for one that is not to be called."""
    url = urlsplit(value)
    is_safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)
    is_plain = not (url.query or url.fragment or url.username or url.password)
    if not (is_safe and is_plain and url.hostname and url.port != 0 and _is_printable(value)):
        raise ValueError
    return value if url.path else f"{value}/"


def _proxy(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.port == 0:
        raise ValueError
    return value


def _existing(value: str) -> str:
    if not Path(value).exists():
        raise ValueError
    return value


def _is_printable(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _known(quotas: dict[str, "QuotaOptions"]) -> dict[str, "QuotaOptions"]:
    if not quotas.keys() <= OPERATIONS.keys():
        raise ValueError
    return quotas


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QuotaOptions(_Options):
    """A bucket's numbers in place of the operation's own."""

    capacity: float = Field(ge=1, allow_inf_nan=False)
    restore_rate: float = Field(gt=0, allow_inf_nan=False)


class SellerOptions(_Options):
    """The keys of one seller, secrets already resolved to text."""

    provider: Literal["seller_center"] = "seller_center"
    endpoint: Annotated[str, AfterValidator(_endpoint)]
    user_id: Text
    api_key: SecretStr = Field(min_length=1)
    format: Literal["XML", "JSON"] = "XML"
    version: Text = "1.0"
    reason: Annotated[Text, StringConstraints(max_length=1024)] = "SHORTAGE"
    reason_parameter: Literal["Reason", "ReasonId"] = "Reason"
    user_agent: (
        Annotated[str, StringConstraints(max_length=500, pattern=r"^[!-~][ -~]*$")] | None
    ) = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    ca_bundle: Annotated[str, AfterValidator(_existing)] | None = None
    quotas: Annotated[dict[str, QuotaOptions], AfterValidator(_known)] = Field(default_factory=dict)
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @classmethod
    def read(cls, seller: str, options: Mapping[str, Any]) -> Self:
        """The validated options. Raises BadInput with the first key that is wrong."""
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            path = [str(part) for part in first["loc"]]
            kind, value = first["type"], first.get("input")
        raise BadInput(f"sellers.{seller}.{'.'.join(path)}", _fault(path, kind, value))

    @property
    def configured_quotas(self) -> dict[str, Quota]:
        return {
            name: Quota(given.capacity, given.restore_rate, "configuration")
            for name, given in self.quotas.items()
        }

    @property
    def proxy_password(self) -> str | None:
        return urlsplit(self.proxy).password if self.proxy else None


def _fault(path: list[str], kind: str, value: object) -> str:
    key = path[-1]
    if kind == "extra_forbidden":
        known = QuotaOptions if path[0] == "quotas" else SellerOptions
        return f"there is no such key; the keys are {', '.join(known.model_fields)}."
    rule = RULES.get(key, RULES["quotas"])
    if kind == "missing":
        return f"is missing; give {rule}."
    is_shown = key not in UNSHOWN and (key == "user_id" or "@" not in str(value))
    shown = shorten(repr(value), 120) if is_shown else "this value"
    return f"{shown} is not right; give {rule}."

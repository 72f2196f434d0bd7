"""`[sellers.<seller>]` of an Amazon Pay seller, validated; and refused readably."""

import ipaddress
import math
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from worker.errors import BadInput
from worker.providers.amazon_pay.operations import (
    HOSTS,
    OPERATIONS,
    PATHS,
    REGIONS,
    SCA_REGIONS,
    Environment,
)
from worker.providers.amazon_pay.signing import Endpoint
from worker.providers.connections import verifying

_PORTS = {"http": 80, "https": 443}


class QuotaOptions(BaseModel):
    """Numbers that take the place of the provider's published ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    capacity: FiniteFloat | None = Field(default=None, ge=1)
    restore_rate: FiniteFloat | None = Field(default=None, gt=0)  # tokens per second


class Configuration(BaseModel):
    """The keys of an Amazon Pay seller. Secrets are shown by no repr and by no error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: Literal["amazon_pay"] = "amazon_pay"
    region: Literal["na", "eu", "jp"]
    environment: Environment
    seller_id: str = Field(min_length=1)
    access_key: SecretStr = Field(min_length=1)
    secret_key: SecretStr = Field(min_length=1)
    mws_auth_token: SecretStr | None = Field(default=None, min_length=1)
    success_url: str | None = None
    failure_url: str | None = None
    proxy: SecretStr | None = None  # it may hold a password
    ca_bundle: str | None = None
    endpoint: str | None = None
    quotas: dict[str, QuotaOptions] = {}
    margin: FiniteFloat = Field(default=0.0, ge=0)  # seconds

    @field_validator("region", mode="before")
    @classmethod
    def _alias(cls, region: object) -> object:
        return REGIONS.get(region, region) if isinstance(region, str) else region

    @field_validator("access_key", "secret_key", "mws_auth_token")
    @classmethod
    def _sendable_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_text(value.get_secret_value()):
            raise ValueError("is not text in UTF-8")
        return value

    @field_validator("success_url", "failure_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and (fault := url_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and url_fault(value.get_secret_value()):
            raise ValueError("write it as http://host:port")
        return value

    @field_validator("ca_bundle")
    @classmethod
    def _bundle(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            verifying(value)
        except OSError:
            raise ValueError("there is no readable file of certificates at this path") from None
        return value

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value is not None and (fault := endpoint_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("quotas")
    @classmethod
    def _known(cls, value: dict[str, QuotaOptions]) -> dict[str, QuotaOptions]:
        unknown = sorted(set(value) - set(OPERATIONS))
        if unknown:
            raise ValueError(f"{unknown[0]} is no operation; known are {', '.join(OPERATIONS)}")
        return value

    @model_validator(mode="after")
    def _capacity_above_margin(self) -> Self:
        for action, operation in OPERATIONS.items():
            quota = operation.quota(self.environment)
            given = self.quotas.get(action, QuotaOptions())
            capacity = given.capacity or quota.capacity
            rate = given.restore_rate or quota.restore_rate
            if capacity - rate * self.margin < 1:
                raise ValueError(
                    f"a margin of {self.margin:g} s leaves {action} less than one call: "
                    f"at most {math.floor((capacity - 1) / rate * 1000) / 1000:g} s are possible"
                )
        return self

    @property
    def sca(self) -> bool:
        return self.region in SCA_REGIONS

    @property
    def called(self) -> Endpoint:
        """Where requests go: the region's host, or what the key `endpoint` says instead."""
        parts = urlsplit(self.endpoint or f"https://{HOSTS[self.region]}")
        host = (parts.hostname or "").lower()
        path = parts.path if parts.path.strip("/") else PATHS[self.environment]
        return Endpoint(
            scheme=parts.scheme.lower(),
            host=f"[{host}]" if ":" in host else host,
            port=parts.port or _PORTS[parts.scheme.lower()],
            path=path,
        )


def configured(options: Mapping[str, Any]) -> Configuration:
    """Validate. Raises BadInput with the key, its value (never a secret's) and the rule."""
    try:
        return Configuration.model_validate(dict(options))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in fault["loc"])
    raise BadInput(key or "margin", _sentence(key, fault)) from None


def _sentence(key: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        model = QuotaOptions if key.startswith("quotas.") else Configuration
        return f"is no key of an Amazon Pay seller; known are {', '.join(model.model_fields)}"
    if fault["type"] == "missing":
        return "is missing"
    rule = str(fault["msg"])
    own = rule.removeprefix("Value error, ")
    rule = rule[:1].lower() + rule[1:] if own == rule else own
    shown = key in _SHOWN or key.startswith("quotas.")
    return f"{fault['input']!r} is not valid: {rule}" if shown else rule


_SECRETS = frozenset({"access_key", "secret_key", "mws_auth_token", "proxy"})
_SHOWN = frozenset(Configuration.model_fields) - _SECRETS - {"quotas"}


def url_fault(value: str) -> str | None:
    """What keeps a text from being an http(s) address; None if nothing does."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "write an address in printable ASCII without blanks"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return None if usable else "write a whole address that begins with https:// or http://"


def endpoint_fault(value: str) -> str | None:
    """What keeps a text from being an endpoint; None if nothing does."""
    if fault := url_fault(value):
        return fault
    parts = urlsplit(value)
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "write scheme, host and port, and a path if it is not the provider's own"
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return "plain http is for loopback hosts only: use https"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_text(value: str) -> bool:
    """Whether it can be signed: a lone surrogate, from an odd environment, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)

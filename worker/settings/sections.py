"""The sections of the file, option by option; config/worker.toml tells what each one means."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from worker.domain.jobs import LONGEST_LEASE, Policy, Task
from worker.domain.retention import Retention
from worker.settings.mistakes import KeyPath, Several
from worker.settings.references import misplaced, replaced
from worker.settings.section import Section
from worker.settings.sweeps import SellerStale
from worker.settings.urls import BrokerUrl, LedgerUrl, Url, ledger_url
from worker.settings.values import (
    Capacity,
    Count,
    CountOrNone,
    Duration,
    Header,
    Margin,
    Port,
    RestoreRate,
    Switch,
    Text,
)

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


class Ledger(Section):
    url: LedgerUrl = Field(
        default_factory=lambda: ledger_url("sqlite:///order-worker.db"), validate_default=False
    )


class Broker(Section):
    url: BrokerUrl = Field(default=Url("memory://"), validate_default=False)


class Worker(Section):
    """Durations are seconds. The lease stands after the two that it must outlast."""

    concurrency: Count = 16
    patience: Duration = 2.0
    call_timeout: Duration = 10.0
    lease: Duration = 15.0
    max_attempts: Count = 8
    give_up_after: Duration = 72 * _HOUR
    give_up_after_confirm: Duration = 3 * _HOUR
    doubt_wait: Duration = 10.0
    doubt_limit: Duration = 24 * _HOUR
    credentials_retry: Duration = 5 * _MINUTE
    reserve: CountOrNone = 0
    lookup_after_confirm: Switch = True
    keep_buyer_details: Duration = 30 * _DAY
    keep_jobs: Duration = 365 * _DAY
    margin: Margin = 0.0
    user_agent: Header = "order-worker/0.1 (Language=Python)"

    @field_validator("lease")
    @classmethod
    def _outlasts(cls, lease: float, info: ValidationInfo) -> float:
        """A worker sends only while its lease outlasts the call, and retries within it."""
        if lease > LONGEST_LEASE:
            raise ValueError(f"must be at most {LONGEST_LEASE / _HOUR:g}h")
        for other in ("call_timeout", "patience"):
            needed = info.data.get(other)  # absent when it is a mistake itself
            if needed is not None and lease <= needed:
                raise ValueError(
                    f"must be longer than worker.{other} ({needed:g}s);"
                    f" the lease of {lease:g}s is {needed - lease:g}s shorter"
                    if lease < needed
                    else f"must be longer than worker.{other}, which is {needed:g}s too"
                )
        return lease

    @field_validator("keep_jobs")
    @classmethod
    def _remembers(cls, keep: float) -> float:
        if keep < _DAY:
            raise ValueError(
                "must be at least 1d: a job that is forgotten is sent again by whoever asks twice"
            )
        return keep

    def retention(self) -> Retention:
        return Retention(self.keep_buyer_details, self.keep_jobs)

    def policy(self) -> Policy:
        return Policy(
            patience=self.patience,
            lease=self.lease,
            call_timeout=self.call_timeout,
            max_attempts=self.max_attempts,
            give_up_after={
                Task.CONFIRM: self.give_up_after_confirm,
                Task.CANCEL: self.give_up_after,
            },
            doubt_wait=self.doubt_wait,
            doubt_limit=self.doubt_limit,
            credentials_retry=self.credentials_retry,
            lookup_after_confirm=self.lookup_after_confirm,
            reserve=self.reserve,
        )


class Web(Section):
    """Of the web process; `burst` and `requests_per_second` are for each token."""

    host: Text = "127.0.0.1"
    port: Port = 8500
    request_timeout: Duration = 10.0
    requests_per_second: RestoreRate = 50.0
    burst: Capacity = 200.0


class Quota(Section):
    """`capacity` tokens at once, `restore_rate` tokens a second."""

    capacity: Capacity
    restore_rate: RestoreRate


def _secrets_elsewhere(options: dict[str, Any]) -> dict[str, Any]:
    if found := tuple(misplaced(options)):
        raise Several(found)
    return options


class Seller(Section):
    """An account at a provider. `options` is for the provider to judge, and is never shown."""

    provider: Text
    quotas: dict[Text, Quota] = Field(default={})
    stale: SellerStale | None = None
    options: Annotated[dict[str, Any], AfterValidator(_secrets_elsewhere)] = Field(
        default={}, repr=False
    )

    def table(self, stand_ins: Mapping[KeyPath, object]) -> dict[str, Any]:
        """The table as its provider reads it, with values in the place of references."""
        own: dict[str, Any] = {"provider": self.provider}
        if self.quotas:
            own["quotas"] = {name: quota.model_dump() for name, quota in self.quotas.items()}
        return own | {key: replaced(part, stand_ins, (key,)) for key, part in self.options.items()}


OWN = ("provider", "quotas", "stale")


def _apart(table: object) -> object:
    """Sort what settings know of a seller from what only its provider knows."""
    if not isinstance(table, Mapping):
        return table
    own = {key: table[key] for key in OWN if key in table}
    return {**own, "options": {key: table[key] for key in table if key not in own}}


SellerTable = Annotated[Seller, BeforeValidator(_apart)]

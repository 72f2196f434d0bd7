"""The sections of the sweeps, `[stale]` and `[retry]`; without a section there is no sweep.

A seller's own `[sellers.<name>.stale]` is in the words of its provider, so that it takes from
`[stale]` when and how much, and not which states and with what reason.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from worker.settings.references import HOW, Reference, is_secret, reference
from worker.settings.section import Section
from worker.settings.urls import Url, ledger_url
from worker.settings.values import Count, Duration, Switch, Text

_MINUTE, _HOUR = 60.0, 3600.0
LONGEST_QUERY = 60.0  # seconds
MOST = 10_000  # orders of one sweep: whoever needs more has another problem


def _bounded(limit: int) -> int:
    if limit > MOST:
        raise ValueError(f"must be at most {MOST}: a sweep that goes wrong must not empty a shop")
    return limit


def _states(value: object) -> tuple[str, ...]:
    """A list of texts, or a text with commas, as a variable of the environment has it."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
        raise ValueError('must be a list of states, such as ["Open"]')
    states = tuple(dict.fromkeys(each.strip() for each in listed if each.strip()))
    if not states:
        raise ValueError('must name at least one state, such as ["Open"]')
    return states


def _shop_url(value: object) -> Url | Reference:
    """A database, or where its URL is. Raises ValueError for a password that is written out."""
    if found := reference(value):
        return found
    if isinstance(value, str) and is_secret("url", value):
        raise ValueError(f"has a password, so it {HOW}")
    return ledger_url(value)


def _short(timeout: float) -> float:
    """Within the lease of a sweep: one that takes longer would be run twice at once."""
    if timeout > LONGEST_QUERY:
        raise ValueError(f"must be at most {LONGEST_QUERY:g}s")
    return timeout


ShopTimeout = Annotated[Duration, AfterValidator(_short)]
Limit = Annotated[Count, AfterValidator(_bounded)]
States = Annotated[tuple[str, ...], BeforeValidator(_states)]
ShopUrl = Annotated[Url | Reference, PlainValidator(_shop_url), PlainSerializer(str)]


class Stale(Section):
    """Which orders of a seller that confirms are cancelled, and how often they are looked for."""

    every: Duration = 5 * _MINUTE
    after: Duration = 72 * _HOUR
    states: States = ("Open",)
    limit: Limit = 100
    reason: Text = "stale"


class SellerStale(Section):
    """As `Stale`, for one seller; what is None is as `[stale]` or the provider has it."""

    enabled: Switch = True
    every: Duration | None = None
    after: Duration | None = None
    states: States | None = None
    limit: Limit | None = None
    reason: Text | None = None
    reason_detail: Text | None = None
    shop_query: Text | None = None
    shop_url: ShopUrl | None = Field(default=None, repr=False)  # None: the ledger's own database
    shop_timeout: ShopTimeout = 30.0

    def url(self, environ: Mapping[str, str]) -> Url | None:
        """The database of `shop_query`. Raises ValueError with what is missing or wrong."""
        if isinstance(self.shop_url, Reference):
            return ledger_url(self.shop_url.read(environ))
        return self.shop_url


class Retry(Section):
    """Which failed confirms are tried again, and how often."""

    every: Duration = 10 * _MINUTE
    since: Duration = 3 * _HOUR
    at_most: Count = 3
    limit: Limit = 100

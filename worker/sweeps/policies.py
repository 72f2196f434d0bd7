"""From the configuration to the policy of each seller, in the words of its provider."""

from worker.domain.jobs import Task
from worker.domain.staleness import Source, StalePolicy
from worker.errors import BadInput
from worker.providers.base import Provider
from worker.providers.sellers import provider_class
from worker.settings import ConfigurationError, Settings
from worker.settings.sweeps import SellerStale, Stale
from worker.sweeps.retry import RetryPolicy


def policies(configured: Settings) -> dict[str, StalePolicy]:
    """By seller: those of `[stale]` that confirm, and those with a section of their own.

    Raises ConfigurationError for states that a provider does not cancel.
    """
    found: dict[str, StalePolicy] = {}
    mistakes: list[str] = []
    for seller, table in configured.sellers.items():
        if (provider := _provider(table.provider)) is None:
            continue
        own = table.stale
        swept = own.enabled if own else configured.stale and Task.CONFIRM in provider.reached
        if not swept:
            continue
        try:
            found[seller] = _policy(configured, seller, provider, own or SellerStale())
        except ConfigurationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigurationError(*mistakes)
    return found


def retry_policy(configured: Settings) -> RetryPolicy | None:
    """What `[retry]` says; None without it."""
    section = configured.retry
    if section is None:
        return None
    return RetryPolicy(section.every, section.since, section.at_most, section.limit)


def sellers_that_confirm(configured: Settings) -> list[str]:
    """The sellers whose providers confirm."""
    return [
        seller
        for seller, table in configured.sellers.items()
        if (provider := _provider(table.provider)) and Task.CONFIRM in provider.reached
    ]


def _provider(name: str) -> type[Provider] | None:
    """The class of a provider; one that there is not is told by whoever builds the seller."""
    try:
        return provider_class(name)
    except BadInput:
        return None


def _policy(
    configured: Settings, seller: str, provider: type[Provider], own: SellerStale
) -> StalePolicy:
    """What the seller's section leaves out is as `[stale]` has it; its words are only for those
    whose orders it speaks of.
    """
    base = configured.stale or Stale()
    confirms = Task.CONFIRM in provider.reached
    states = own.states or (base.states if confirms else provider.cancellable)
    source = None
    if own.shop_query:
        url = configured.shop_url(seller).full
        source = Source(url, own.shop_query, own.shop_timeout)
    return StalePolicy(
        seller=seller,
        every=own.every or base.every,
        after=own.after or base.after,
        states=_spelt(seller, states, provider.cancellable),
        limit=own.limit or base.limit,
        reason=own.reason or (base.reason if confirms else None),
        reason_detail=own.reason_detail,
        from_ledger=confirms,
        source=source,
    )


def _spelt(seller: str, states: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The states as the provider spells them."""
    spelling = {state.lower(): state for state in known}
    if odd := [state for state in states if state.lower() not in spelling]:
        raise ConfigurationError(
            f"sellers.{seller}.stale.states: {', '.join(odd)} cannot be cancelled at"
            f" {seller}'s provider; choose from {', '.join(known)}"
        )
    return tuple(spelling[state.lower()] for state in states)

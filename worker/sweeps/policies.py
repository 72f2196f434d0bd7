"""From the configuration to the policy of each seller, in the words of its provider."""

from worker.domain.jobs import Task
from worker.domain.staleness import Source, StalePolicy
from worker.errors import BadInput
from worker.providers.base import Provider
from worker.providers.sellers import provider_class
from worker.settings import ConfigurationError, Settings
from worker.settings.sweeps import SellerStale, Stale


def policies(configured: Settings) -> dict[str, StalePolicy]:
    """By seller: those of `[stale]` that confirm, and those with a section of their own.

    Raises ConfigurationError for states that a provider does not cancel.
    """
    found: dict[str, StalePolicy] = {}
    mistakes: list[str] = []
    for seller, table in configured.sellers.items():
        try:
            provider = provider_class(table.provider)
        except BadInput:
            continue  # told by whoever builds the seller
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

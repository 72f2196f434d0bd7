"""Whose requests the sandbox accepts. Secrets stay out of every representation."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AmazonPayAccount:
    """A seller and the access key that signs for it.

    `quotas` replaces the documented numbers of an operation: (capacity, tokens a second), in
    both environments. An account with an `mws_auth_token` is one that a developer signs for:
    its requests must carry the token.
    """

    seller_id: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    mws_auth_token: str | None = field(default=None, repr=False)
    quotas: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SellerCenterAccount:
    """A user of a seller's account. Without `order_access` every operation answers E009."""

    user_id: str
    api_key: str = field(repr=False)
    quotas: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    order_access: bool = True


Account = AmazonPayAccount | SellerCenterAccount

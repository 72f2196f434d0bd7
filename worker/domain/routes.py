"""Which bucket a job's next request draws from: what the ledger must know of the providers."""

from collections.abc import Collection, Sequence
from typing import Protocol

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Request, Step


class Routes(Protocol):
    """The configured sellers, as far as turns and quotas go."""

    def bucket(self, request: Request, step: Step) -> BucketSpec | None:
        """The bucket of a request's step; None if this process lacks the seller or its keys."""
        ...

    def of_seller(self, seller: str) -> Sequence[BucketSpec]:
        """All buckets that share a seller's credentials."""
        ...

    def all(self) -> Sequence[BucketSpec]:
        """Every bucket of the configuration."""
        ...

    def sellers(self) -> Collection[str]:
        """The sellers whose requests this process can route."""
        ...

    def state_after(self, request: Request) -> str | None:
        """The state, in the provider's word, that the request's order has once it succeeded."""
        ...

    def can_look_up(self, request: Request) -> bool:
        """Whether the request's order can be read back at the provider."""
        ...

    def lifetime(self, request: Request) -> float | None:
        """Seconds from the request's acceptance in which it can be carried out at the provider.

        None where the provider names no limit, or this process does not know the seller.
        """
        ...

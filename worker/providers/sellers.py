"""The configured sellers: their providers, and the routes of their jobs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Request, Step
from worker.errors import BadInput
from worker.providers.base import Provider

GROUP = "order_worker.providers"


def provider_class(name: str) -> type[Provider]:
    """The class that a seller's `provider` names. Raises BadInput with those that there are."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none: install the package order-worker"
        raise BadInput("provider", f"{name!r} is not a provider; there are {known}.")
    loaded: type[Provider] = found[name].load()
    return loaded


class Sellers(Mapping[str, Provider]):
    """Providers by seller, each built when it is first asked for; also the ledger's routes.

    `keyless` are the sellers whose secrets this process does not have: it can check and
    record their requests, but not route or send them.
    """

    def __init__(
        self, build: Mapping[str, Callable[[], Provider]], keyless: frozenset[str] = frozenset()
    ) -> None:
        self._build = build
        self._keyless = keyless
        self._built: dict[str, Provider] = {}

    def __getitem__(self, seller: str) -> Provider:
        provider = self._built.get(seller)
        if provider is None:
            provider = self._built[seller] = self._build[seller]()
        return provider

    def __iter__(self) -> Iterator[str]:
        return iter(self._build)

    def __len__(self) -> int:
        return len(self._build)

    def bucket(self, request: Request, step: Step) -> BucketSpec | None:
        if request.seller not in self._build or request.seller in self._keyless:
            return None
        provider = self[request.seller]
        return provider.buckets()[provider.operation(request.task, step)]

    def of_seller(self, seller: str) -> Sequence[BucketSpec]:
        if seller not in self._build or seller in self._keyless:
            return ()
        return tuple(self[seller].buckets().values())

    def all(self) -> Sequence[BucketSpec]:
        specs = {spec.key: spec for seller in self for spec in self.of_seller(seller)}
        return tuple(specs.values())

    def conflicts(self) -> list[str]:
        """Sellers of one account that are given different quotas for it, in a sentence each."""
        first: dict[str, BucketSpec] = {}
        found = []
        for seller in self:
            for spec in self.of_seller(seller):
                other = first.setdefault(spec.key, spec)
                if replace(other, seller=seller) != spec:
                    found.append(
                        f"sellers.{seller}: is the account of sellers.{other.seller} too, with"
                        f" another quota of {spec.operation}; give both the same"
                    )
        return found

    def sellers(self) -> Collection[str]:
        return [name for name in self._build if name not in self._keyless]

    def state_after(self, request: Request) -> str | None:
        if request.seller not in self._build:
            return None
        return self[request.seller].reached.get(request.task)

    def can_look_up(self, request: Request) -> bool:
        return request.seller in self._build and self[request.seller].can_look_up(request)

    def lifetime(self, request: Request) -> float | None:
        if request.seller not in self._build:
            return None
        return self[request.seller].lifetime(request.task)

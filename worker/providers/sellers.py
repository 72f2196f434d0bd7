"""The configured sellers: their providers, and the routes of their jobs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Request, Step
from worker.errors import BadInput
from worker.providers.base import Provider

GROUP = "order_worker.providers"


@cache
def _installed() -> dict[str, EntryPoint]:
    """Read once: it means reading what every installed package says of itself."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def provider_class(name: str) -> type[Provider]:
    """The class that a seller's `provider` names. Raises BadInput with those that there are."""
    found = _installed()
    if name not in found:
        known = ", ".join(sorted(found)) or "none: install the package order-worker"
        raise BadInput("provider", f"{name!r} is not a provider; there are {known}.")
    loaded: type[Provider] = found[name].load()
    return loaded


@dataclass(slots=True)
class _Known:
    """The sellers of one reading of the configuration; what is asked for first is built then."""

    build: Mapping[str, Callable[[], Provider]]
    keyless: frozenset[str]
    read_at: float
    built: dict[str, Provider] = field(default_factory=dict)
    specs: dict[str, dict[str, BucketSpec]] = field(default_factory=dict)
    gone: dict[str, Provider] = field(default_factory=dict)  # of sellers that are no more

    def provider(self, seller: str) -> Provider:
        found = self.built.get(seller)
        if found is None and seller not in self.build and seller in self.gone:
            return self.gone[seller]
        if found is None:
            found = self.built[seller] = self.build[seller]()
        return found

    def buckets(self, seller: str) -> dict[str, BucketSpec]:
        found = self.specs.get(seller)
        if found is None:
            of_provider = self.provider(seller).buckets().items()
            found = {name: replace(spec, read_at=self.read_at) for name, spec in of_provider}
            self.specs[seller] = found
        return found


class Sellers(Mapping[str, Provider]):
    """Providers by seller, each built when it is first asked for; also the ledger's routes.

    `keyless` are the sellers whose secrets this process does not have: it can check and
    record their requests, but not route or send them. `read_at` is when the configuration was
    read that they are from, in epoch seconds.
    """

    def __init__(
        self,
        build: Mapping[str, Callable[[], Provider]],
        keyless: frozenset[str] = frozenset(),
        read_at: float = 0.0,
    ) -> None:
        self.version = 0  # how often they were replaced
        self._known = _Known(build, keyless, read_at)

    def become(self, others: "Sellers") -> None:
        """Be those from now on, for everybody who has this object. A call that is under way ends
        with the provider that it began with, also if its seller is gone.
        """
        old, new = self._known, others._known  # noqa: SLF001 - of the same class
        new.gone.update({**old.gone, **old.built})
        self._known = new
        self.version += 1

    @property
    def keyless(self) -> frozenset[str]:
        return self._known.keyless

    def __contains__(self, seller: object) -> bool:
        return seller in self._known.build

    def __getitem__(self, seller: str) -> Provider:
        return self._known.provider(seller)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known.build)

    def __len__(self) -> int:
        return len(self._known.build)

    def bucket(self, request: Request, step: Step) -> BucketSpec | None:
        known = self._known
        if request.seller not in known.build or request.seller in known.keyless:
            return None
        operation = known.provider(request.seller).operation(request.task, step)
        return known.buckets(request.seller)[operation]

    def of_seller(self, seller: str) -> Sequence[BucketSpec]:
        known = self._known
        if seller not in known.build or seller in known.keyless:
            return ()
        return tuple(known.buckets(seller).values())

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
        return [name for name in self._known.build if name not in self._known.keyless]

    def state_after(self, request: Request) -> str | None:
        if request.seller not in self:
            return None
        return self[request.seller].reached.get(request.task)

    def can_look_up(self, request: Request) -> bool:
        return request.seller in self and self[request.seller].can_look_up(request)

    def lifetime(self, request: Request) -> float | None:
        if request.seller not in self:
            return None
        return self[request.seller].lifetime(request.task)

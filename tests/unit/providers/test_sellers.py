from dataclasses import dataclass
from types import MappingProxyType

from worker.domain.bucket import BucketSpec
from worker.providers.sellers import Sellers


@dataclass
class Account:
    seller: str
    capacity: float

    def buckets(self):
        spec = BucketSpec("one account|Confirm", self.seller, "Confirm", self.capacity, 1.0, "page")
        return MappingProxyType({"Confirm": spec})


def sellers(**capacities):
    return Sellers(
        {name: lambda n=name, c=size: Account(n, c) for name, size in capacities.items()}
    )


def test_one_account_under_two_names_has_one_quota():
    assert sellers(acme=10.0, acme_outlet=10.0).conflicts() == []
    (told,) = sellers(acme=10.0, acme_outlet=2.0).conflicts()
    assert "sellers.acme_outlet" in told
    assert "sellers.acme too" in told

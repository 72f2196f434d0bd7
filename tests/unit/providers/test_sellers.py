from dataclasses import dataclass
from types import MappingProxyType

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Request, Task
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


def test_a_sellers_provider_says_how_long_its_orders_can_be_confirmed():
    @dataclass
    class Lasting:
        def lifetime(self, task):
            return {Task.CONFIRM: 60.0}.get(task)

    known = Sellers({"acme": Lasting})
    assert known.lifetime(Request(Task.CONFIRM, "acme", "S01-1")) == 60.0
    assert known.lifetime(Request(Task.CANCEL, "acme", "S01-1")) is None
    assert known.lifetime(Request(Task.CONFIRM, "somebody", "S01-1")) is None

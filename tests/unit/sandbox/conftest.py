import pytest
from sandbox_clients import ACCESS_KEY, API_KEY, SECRET, SELLER, USER, Amazon, Center, Clock

from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.amazon_pay.operations import OPERATIONS
from worker.sandbox.seller_center.operations import OPERATIONS as CENTER_OPERATIONS
from worker.sandbox.server import Sandbox

PLENTY = (1000.0, 1000.0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts():
    """One of each provider, with quotas that no test meets by accident."""
    return [
        AmazonPayAccount(SELLER, ACCESS_KEY, SECRET, quotas=dict.fromkeys(OPERATIONS, PLENTY)),
        SellerCenterAccount(USER, API_KEY, quotas=dict.fromkeys(CENTER_OPERATIONS, PLENTY)),
    ]


@pytest.fixture
def sandbox(accounts, clock):
    with Sandbox(accounts, clock=clock) as running:
        yield running


@pytest.fixture
def amazon(sandbox, clock):
    return Amazon(sandbox.url, clock)


@pytest.fixture
def center(sandbox, clock):
    return Center(sandbox.url, clock)

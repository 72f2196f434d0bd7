import pytest
from processes import (
    AMAZON_OPERATIONS,
    CENTER_OPERATIONS,
    PLENTY,
    SECRETS,
    SELLER_ID,
    USER_ID,
    opened,
)

from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox


@pytest.fixture
def sandbox():
    """Both providers, in the test's own process: look into it, add faults to it."""
    accounts = [
        AmazonPayAccount(
            SELLER_ID,
            SECRETS["ACME_ACCESS_KEY"],
            SECRETS["ACME_SECRET_KEY"],
            quotas=dict.fromkeys(AMAZON_OPERATIONS, PLENTY),
        ),
        SellerCenterAccount(
            USER_ID, SECRETS["MALL_API_KEY"], quotas=dict.fromkeys(CENTER_OPERATIONS, PLENTY)
        ),
    ]
    with Sandbox(accounts) as running:
        yield running


@pytest.fixture
def shop(tmp_path, sandbox):
    """A configuration with the sellers acme (Amazon Pay) and mall (Seller Center), and the
    processes that a test starts with it; all of them are gone when the test ends.
    """
    with opened(tmp_path, sandbox.url) as shop:
        yield shop

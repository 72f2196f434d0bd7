"""Collected only where the clients are installed: `make test-foreign` sees to that."""

import importlib.util
import os

import pytest
from foreign_clients import ACCESS_KEY, API_KEY, SECRET, SELLER, USER

from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

CLIENTS = ("amazon_pay", "boto", "mws", "FalabellaAPIClient")
MISSING = [name for name in CLIENTS if importlib.util.find_spec(name) is None]
REQUIRED = os.environ.get("ORDER_WORKER_FOREIGN") == "required"
collect_ignore_glob = ["test_*.py"] if MISSING and not REQUIRED else []


@pytest.fixture
def sandbox():
    """Only the host that the request names counts as signed, as at the provider."""
    accounts = [
        AmazonPayAccount(SELLER, ACCESS_KEY, SECRET),
        SellerCenterAccount(USER, API_KEY),
    ]
    with Sandbox(accounts, switches={"signed_host": "received"}) as running:
        yield running

"""A configuration of its own for the tests of the door, with a provider that answers."""

import json

import pytest

from worker import bootstrap
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

SECRETS = {"DOOR_ACCESS": "AKIDNOTREAL", "DOOR_SECRET": "not-a-real-secret", "DOOR_KEY": "no-key"}
PLENTY = {"capacity": 1000.0, "restore_rate": 1000.0}


@pytest.fixture
def provider():
    """Both providers, answering on a port of this machine."""
    quota = (1000.0, 1000.0)
    amazon = ("ConfirmOrderReference", "CancelOrderReference", "GetOrderReferenceDetails")
    center = ("SetStatusToCanceled", "GetOrderItems")
    accounts = [
        AmazonPayAccount(
            "A1NOTREAL",
            SECRETS["DOOR_ACCESS"],
            SECRETS["DOOR_SECRET"],
            quotas=dict.fromkeys(amazon, quota),
        ),
        SellerCenterAccount(
            "mall@example.com", SECRETS["DOOR_KEY"], quotas=dict.fromkeys(center, quota)
        ),
    ]
    with Sandbox(accounts) as running:
        yield running


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Write a configuration of the sellers acme and mall, and let this process read it anew."""

    def write(endpoint="http://127.0.0.1:9", broker="memory://"):
        quotas = {
            "acme": ("ConfirmOrderReference", "CancelOrderReference", "GetOrderReferenceDetails"),
            "mall": ("SetStatusToCanceled", "GetOrderItems"),
        }
        lines = [
            f'ledger.url = "sqlite:///{tmp_path}/ledger.db"',
            f"broker.url = {json.dumps(broker)}",
            'worker = { lease = "2s", call_timeout = "1s", patience = "200ms", concurrency = 4 }',
            "[sellers.acme]",
            'provider = "amazon_pay"',
            'region = "na"',
            'environment = "sandbox"',
            'seller_id = "A1NOTREAL"',
            'access_key = { env = "DOOR_ACCESS" }',
            'secret_key = { env = "DOOR_SECRET" }',
            f"endpoint = {json.dumps(endpoint)}",
            "[sellers.mall]",
            'provider = "seller_center"',
            f"endpoint = {json.dumps(endpoint)}",
            'user_id = "mall@example.com"',
            'api_key = { env = "DOOR_KEY" }',
        ]
        for seller, operations in quotas.items():
            for operation in operations:
                lines += [f"[sellers.{seller}.quotas.{operation}]"]
                lines += [f"{name} = {value}" for name, value in PLENTY.items()]
        path = tmp_path / "worker.toml"
        path.write_text("\n".join(lines) + "\n")
        monkeypatch.setenv("ORDER_WORKER_CONFIG", str(path))
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        forget()
        return path

    def forget():
        bootstrap.settings.cache_clear()
        bootstrap._runtime.cache_clear()

    yield write
    if bootstrap._runtime.cache_info().currsize:
        bootstrap.runtime().ledger.database.engine.dispose()
    forget()


@pytest.fixture
def door(configured, provider):
    """The objects of this process, on a new ledger, with a provider that answers."""
    configured(provider.url)
    return bootstrap.runtime()

"""The buckets of one seller: what Seller Center counts together, and how much it permits."""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from worker.providers.base import BucketSpec, Quota
from worker.providers.seller_center.operations import OPERATIONS, Operation
from worker.providers.seller_center.signing import Account

PORTS = {"https": 443, "http": 80}


def buckets(
    seller: str, account: Account, configured: Mapping[str, Quota], margin: float
) -> dict[str, BucketSpec]:
    """One bucket per operation. `margin` (seconds) is taken off the capacity, down to 1."""
    return {
        name: _bucket(seller, account, operation, configured.get(name, operation.quota), margin)
        for name, operation in OPERATIONS.items()
    }


def bucket_key(account: Account, operation: Operation) -> str:
    """Endpoint, user, access key as a fingerprint, and operation; no secret."""
    url = urlsplit(account.endpoint)
    port = url.port or PORTS[url.scheme]
    fingerprint = hashlib.sha256(account.api_key.encode()).hexdigest()[:12]
    endpoint = f"{url.scheme}://{url.hostname}:{port}{url.path}"
    return f"{endpoint}|{account.user_id}|{fingerprint}|{operation.name}"


def _bucket(
    seller: str, account: Account, operation: Operation, quota: Quota, margin: float
) -> BucketSpec:
    return BucketSpec(
        key=bucket_key(account, operation),
        seller=seller,
        operation=operation.name,
        capacity=max(1.0, quota.capacity - quota.restore_rate * margin),
        rate=quota.restore_rate,
        source=quota.source,
    )

"""The buckets of one seller: what Seller Center counts together, and how much it permits."""

from urllib.parse import urlsplit

from worker.providers.base import BucketSpec
from worker.providers.seller_center.configuration import Configuration
from worker.providers.seller_center.operations import OPERATIONS, Operation
from worker.providers.seller_center.signing import Account

PORTS = {"https": 443, "http": 80}


def buckets(seller: str, account: Account, configuration: Configuration) -> dict[str, BucketSpec]:
    """One bucket per operation."""
    return {
        action: _bucket(seller, account, operation, configuration)
        for action, operation in OPERATIONS.items()
    }


def bucket_key(account: Account, operation: Operation) -> str:
    """Endpoint, user and operation. The user is whom the provider counts; the key is a secret."""
    url = urlsplit(account.endpoint)
    port = url.port or PORTS[url.scheme]
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    endpoint = f"{url.scheme}://{host}:{port}{url.path}"
    return f"{endpoint}|{account.user_id}|{operation.action}"


def _bucket(
    seller: str, account: Account, operation: Operation, configuration: Configuration
) -> BucketSpec:
    quota = configuration.quota(operation)
    return BucketSpec(
        key=bucket_key(account, operation),
        seller=seller,
        operation=operation.action,
        capacity=quota.capacity,
        rate=quota.restore_rate,
        source=quota.source,
        margin=configuration.margin,
    )

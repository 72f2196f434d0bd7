"""What the provider's pages say of its operations, regions and environments, as data."""

from dataclasses import dataclass
from typing import Literal

from worker.domain.jobs import Task
from worker.providers.base import Quota

Environment = Literal["production", "sandbox"]

VERSION = "2013-01-01"

_THROTTLING = "Amazon Pay, Throttling: limits to how often you can submit requests"


@dataclass(frozen=True, slots=True)
class Operation:
    """One action: its quota per environment, counted per seller and access key."""

    action: str
    production: Quota
    sandbox: Quota

    def quota(self, environment: Environment) -> Quota:
        return self.production if environment == "production" else self.sandbox


CONFIRM = Operation(
    "ConfirmOrderReference",
    production=Quota(10, 1.0, "Amazon Pay, ConfirmOrderReference"),
    sandbox=Quota(2, 0.5, "Amazon Pay, ConfirmOrderReference"),
)
CANCEL = Operation(
    "CancelOrderReference",
    production=Quota(10, 1.0, "Amazon Pay, CancelOrderReference"),
    sandbox=Quota(2, 0.5, "Amazon Pay, CancelOrderReference"),
)
LOOK_UP = Operation(
    "GetOrderReferenceDetails",
    production=Quota(20, 2.0, _THROTTLING),
    sandbox=Quota(5, 1.0, _THROTTLING),
)

OPERATIONS = {operation.action: operation for operation in (CONFIRM, CANCEL, LOOK_UP)}
# Seconds from its making until a Draft that nobody confirms becomes Canceled (Stale). Source:
# Amazon Pay, Order reference states and reason codes.
LIFETIMES = {Task.CONFIRM: 3 * 3600.0}
WRITES = {Task.CONFIRM: CONFIRM, Task.CANCEL: CANCEL}

REGIONS = {"us": "na", "na": "na", "uk": "eu", "de": "eu", "eu": "eu", "jp": "jp"}
HOSTS = {
    "na": "mws.amazonservices.com",
    "eu": "mws-eu.amazonservices.com",
    "jp": "mws.amazonservices.jp",
}
# Strong customer authentication: a confirm has to say where the bank sends the buyer back to,
# and may leave the order in Draft until the buyer has answered.
SCA_REGIONS = frozenset({"eu"})

PATHS: dict[Environment, str] = {
    "production": f"/OffAmazonPayments/{VERSION}",
    "sandbox": f"/OffAmazonPayments_Sandbox/{VERSION}",
}
# An order of the other environment is answered with a 500 that never heals.
ORDER_LETTERS: dict[Environment, str] = {"production": "P", "sandbox": "S"}

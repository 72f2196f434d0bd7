"""What a seller asks the provider's test environment to play, by a JSON text in a note.

Page: testing with sandbox simulations. `{"SandboxSimulation": {"State": "Declined",
"ReasonCode": "InvalidPaymentMethod"}}` (the format is unconfirmed); any other text is a note.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from worker.sandbox.amazon_pay.context import Context
from worker.sandbox.exchange import Refusal

NAME = "SandboxSimulation"


@dataclass(frozen=True, slots=True)
class Simulated:
    state: str
    reason_code: str | None


Known = Mapping[str, tuple[str | None, ...]]
"""State: the reason codes that it may have."""

AUTHORIZATION: Known = {
    "Declined": ("InvalidPaymentMethod", "AmazonRejected", "TransactionTimedOut"),
    "Closed": ("AmazonClosed", "ExpiredUnused"),
}
CAPTURE: Known = {
    "Pending": (None,),
    "Declined": ("AmazonRejected",),
    "Closed": ("AmazonClosed",),
}
CLOSURE: Known = {"Closed": ("AmazonClosed",)}


def simulated(context: Context, parameter: str, known: Known) -> Simulated | None:
    """What the parameter asks for; raises the refusal of a simulation that there is not."""
    text = context.parameters.get(parameter, "")
    if context.environment != "sandbox" or NAME not in text:
        return None
    try:
        asked = json.loads(text)[NAME]
        found = Simulated(asked["State"], asked.get("ReasonCode"))
        right = found.reason_code in known[found.state]
    except (ValueError, LookupError, TypeError, AttributeError):
        right = False
    if not right:
        raise Refusal("InvalidSandboxSimulationSpecified")
    return found

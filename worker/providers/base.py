"""What a provider is to the rest of the worker.

A third provider is a folder with the same file names as `amazon_pay/` and one entry point
in the group `order_worker.providers` that names a class with this shape. Copy the folder that is
nearer; touch nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from worker.domain.bucket import BucketSpec
from worker.domain.jobs import Job, Request, Step, Task
from worker.domain.outcomes import Answer
from worker.errors import BadInput

__all__ = ["BadInput", "BucketSpec", "Provider", "Quota"]


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket's numbers: `capacity` tokens at once, `restore_rate` tokens a second."""

    capacity: float
    restore_rate: float
    source: str  # the page the numbers come from, or "assumed"


class Provider(Protocol):
    """One configured seller at its provider. Safe to share between threads."""

    name: str  # "amazon_pay"
    seller: str  # the seller's id in the configuration
    reached: Mapping[Task, str]  # the state, in the provider's word, that a success leads to
    cancellable: tuple[
        str, ...
    ]  # states in which it cancels an order, for the sweep to choose from
    sca: bool  # a confirm that was answered 200 may still wait for the buyer's bank

    @classmethod
    def from_configuration(
        cls,
        seller: str,
        options: Mapping[str, Any],
        *,
        call_timeout: float,
        user_agent: str,
        clock: Callable[[], float],
        on_sent: Callable[[], None] = lambda: None,
    ) -> Self:
        """Validate `[sellers.<seller>]` (secrets already resolved to text) and build the seller.

        `clock` gives epoch seconds. `on_sent` is called when a request has left and before
        its answer is read. Raises BadInput with the key and what would be right.
        """
        ...

    def check(self, request: Request) -> None:
        """Raise BadInput if this provider could never carry the request out."""
        ...

    def operation(self, task: Task, step: Step) -> str:
        """The name of the operation that a step of a task calls."""
        ...

    def can_look_up(self, request: Request) -> bool:
        """Whether the order of this request can be read back at the provider."""
        ...

    def lifetime(self, task: Task) -> float | None:
        """Seconds in which an order stays as the task needs it; None if no limit is documented."""
        ...

    def buckets(self) -> Mapping[str, BucketSpec]:
        """The bucket of each operation that the worker uses, by operation."""
        ...

    def perform(self, job: Job) -> Answer:
        """Send one request, the one that `job.step` asks for, and classify what came.

        Signs at this moment, sends once, never retries, never raises for anything that the
        network or the provider does.
        """
        ...

    def probe(self) -> tuple[Answer, list[str]]:
        """One signed, harmless lookup for `check --seller`: the answer and lines to print."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown, for the redaction of logs and errors."""
        ...

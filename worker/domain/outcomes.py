"""What an attempt came to. Providers classify, `decisions.decide` chooses what follows."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Outcome(StrEnum):
    """The one answer to "what happened to this request?".

    Only `APPLIED` says that a write took effect, only `UNKNOWN` and `STATE_REFUSED` leave
    it open whether one did; every other outcome means that this request was not applied.
    """

    APPLIED = "applied"  # a write: done; a lookup: the order was read
    THROTTLED = "throttled"
    REFUSED = "refused"  # nothing was sent, or the provider asks to come again later
    UNKNOWN = "unknown"
    STATE_REFUSED = "state_refused"
    REJECTED = "rejected"
    DENIED = "denied"
    CLOCK_EXPIRED = "clock_expired"  # the provider read our timestamp as too old or in the future


class Standing(StrEnum):
    """What a lookup says of the state that a job wants its order to be in."""

    REACHED = "reached"
    NOT_YET = "not_yet"
    EXCLUDED = "excluded"  # the order's state can never become the wanted one
    MISSING = "missing"  # the provider does not know the order


class Basis(StrEnum):
    """On what a success rests."""

    OWN = "own"  # our call did it
    OTHER = "other"  # found so, and the reason or the time is not ours
    INFERRED = "inferred"  # a repeat was refused by the state, and no lookup is possible


@dataclass(frozen=True, slots=True)
class OrderView:
    """What a lookup read. `details` may hold buyer data: for receipts only, never for logs."""

    order_id: str
    state: str  # the provider's own word: "Open", "canceled"
    standing: Standing
    basis: Basis = Basis.OWN
    reason_code: str | None = None
    reason_description: str | None = None
    updated_at: float | None = None
    authorizations: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    advice: str | None = None  # for EXCLUDED and MISSING: what the shop has to do
    was_open: bool = False  # for EXCLUDED: only a confirm leads there


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt came to. Carries no secret and, but for `order`, no buyer data."""

    outcome: Outcome
    status: int | None = None  # HTTP status; None when no answer came
    code: str | None = None  # the provider's error code, e.g. "RequestThrottled", "E028"
    message: str | None = None  # the provider's words, shortened
    request_id: str | None = None  # the provider's own id of the request
    advice: str | None = None  # what the shop or the buyer has to do, for REJECTED and DENIED
    scope: Literal["operation", "seller"] = "operation"  # DENIED: what is closed
    retry_after: float | None = None  # seconds, when the provider named them
    other_quota: bool = False  # THROTTLED: by an hourly quota beside the bucket
    stated_rate: float | None = None  # tokens a second that the provider says it restores
    outage: bool = False  # connection failure, timeout, or a 5xx without a code of its own
    clock_offset: float | None = None  # CLOCK_EXPIRED: provider's clock minus ours, seconds
    order: OrderView | None = None  # a lookup that was APPLIED

    @property
    def answered(self) -> bool:
        """Whether an answer came at all: if not, the request may still be on its way."""
        return self.status is not None

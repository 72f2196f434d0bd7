"""The words of /v1: what is asked with, and what is answered. The same as everywhere else.

The models of answers are for the OpenAPI document; the ledger's portraits are sent as they are.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from worker.domain.jobs import Effect, State, Task, WaitingFor
from worker.producers import KEY_LENGTH, PRIORITIES

MOST_AT_ONCE = 500  # jobs of one request
LONGEST_PAGE = 200  # jobs of one answer

Time = Annotated[str, Field(description="ISO 8601 in UTC, with milliseconds and Z.")]
Key = Annotated[str, Field(min_length=1, max_length=KEY_LENGTH)]


class Asked(BaseModel):
    """Closed: a word that is not here is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class JobWords(Asked):
    """One job to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"task": "confirm", "seller": "acme", "order_id": "S01-1234567-1234567"}]
        }
    )

    task: Literal["confirm", "cancel"]
    seller: str = Field(description="A seller of the configuration.")
    order_id: str
    reason: str | None = Field(default=None, description="Of a cancel.")
    reason_detail: str | None = None
    parent_order_id: str | None = Field(default=None, description="Of a Seller Center item.")
    success_url: str | None = None
    failure_url: str | None = None
    priority: int = Field(
        default=0, ge=PRIORITIES.start, lt=PRIORITIES.stop, description="Smaller first."
    )
    key: Key | None = Field(
        default=None,
        description="At most one job of a seller and key is open or succeeded; by default of"
        " its task and order. The header Idempotency-Key is the same.",
    )
    again: bool = Field(
        default=False, description="Ask anew, even if a job of this key has succeeded."
    )


def _how_many(value: object) -> str:
    return "many" if isinstance(value, list) else "one"


One = Annotated[JobWords, Tag("one")]
Many = Annotated[
    Annotated[list[JobWords], Field(min_length=1, max_length=MOST_AT_ONCE)], Tag("many")
]
OneOrMany = Annotated[One | Many, Discriminator(_how_many)]


class Why(Asked):
    why: str = Field(default="", description="Kept in the history, with the token's name.")


class Keep(Why):
    kept: bool = Field(default=True, description="false: the sweeps may have the order again.")


class Which(BaseModel):
    """Which jobs; the newest first. What is not given does not matter."""

    model_config = ConfigDict(extra="forbid")

    state: list[State] = Field(default=[], max_length=len(State))
    seller: str | None = None
    task: Task | None = None
    order_id: str | None = None
    waiting_for: list[WaitingFor] = Field(default=[], max_length=len(WaitingFor))
    needs_attention: bool = Field(
        default=False, description="Only what needs a person or the buyer."
    )
    since: str | None = Field(default=None, description="Accepted within this time: 30m, 24h.")
    until: str | None = Field(default=None, description="Accepted longer ago than this.")
    before: str | None = Field(
        default=None, description="A job's id: only older ones, the next page."
    )
    limit: int = Field(default=50, ge=1, le=LONGEST_PAGE)


class Attempt(BaseModel):
    """One HTTP request at the provider."""

    number: int
    operation: str
    step: str
    claimed_at: Time
    finished_at: Time | None
    outcome: str | None
    status: int | None
    code: str | None
    message: str | None
    request_id: str | None


class Transition(BaseModel):
    """The job, or its order at the provider, went from one state to another."""

    model_config = ConfigDict(populate_by_name=True)

    at: Time
    subject: Literal["job", "order", "details"]
    from_: str | None = Field(alias="from")
    to: str
    waiting_for: str | None
    actor: str
    why: str | None


class Job(BaseModel):
    """As `order-worker show --json` prints it."""

    model_config = ConfigDict(extra="allow")

    id: str
    task: Task
    seller: str
    order_id: str
    parent_order_id: str | None
    reason: str | None
    reason_detail: str | None
    priority: int
    state: State
    waiting_for: WaitingFor | None
    effect: Effect
    attempt_count: int
    attempts: list[Attempt]
    accepted_at: Time
    due_at: Time
    expected_at: Time | None
    finished_at: Time | None
    receipt: dict[str, Any] | None
    error: dict[str, Any] | None
    transitions: list[Transition]


class Page(BaseModel):
    jobs: list[Job]
    next: str | None = Field(description="`before` of the next page; null on the last one.")


class Done(BaseModel):
    """What somebody did to an order by no job of it."""

    model_config = ConfigDict(extra="allow")

    at: Time
    to: str
    actor: str
    why: str | None


class Order(BaseModel):
    seller: str
    order_id: str
    state: str | None = Field(description="The provider's word, as last read or inferred.")
    state_at: Time | None
    in_doubt: bool
    kept_at: Time | None = Field(description="Since when no sweep may cancel it.")
    kept_by: str | None
    jobs: list[Job] = Field(description="The oldest first.")
    done: list[Done]


class Kept(BaseModel):
    seller: str
    order_id: str
    kept: bool
    changed: bool = Field(description="false: it was so before.")

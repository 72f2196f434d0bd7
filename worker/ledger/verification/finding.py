"""What `verify` finds, and what a rule is: a sentence that rows can break, and how to see it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker.ledger.verification.histories import OrderHistory

# What must always hold, in a few words, by its number.
INVARIANTS = {
    1: "accepted is durable",
    2: "unknown is never sent again blindly",
    3: "one in flight per order",
    4: "the quota holds over the whole fleet",
    5: "every change is a transition row",
    6: "a throttle is not a failure",
    7: "a late worker cannot write",
    8: "no secret leaves the process",
    9: "a stale order is cancelled only after a check of its own",
    10: "what was accepted is never dropped for being odd, and can be seen",
}

# What somebody does, where several rules say the same.
LOOK_AT_PROVIDER = (
    "Look at the order at its provider, and compare it with what the shop wants; tell us how it"
    " came to be, with the output of `order-worker show --json`."
)
BY_HAND = "The row was changed by hand: set it back. Its attempts tell what was sent."


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that breaks a rule: of which job, and what is wrong with it."""

    job_id: str | None  # None: of the order
    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """`sentence` is what must hold, `to_do` what somebody does where it does not."""

    invariant: int
    sentence: str
    to_do: str


@dataclass(frozen=True, slots=True)
class OfOrder(Rule):
    """A rule that is seen in the history of one order: its jobs, their attempts, their steps."""

    broken_by: Callable[[OrderHistory], Iterator[Wrong]]


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is job, order, bucket or row, and `id` is its own; times are in the text."""

    rule: Rule
    subject: str
    id: str
    what: str
    seller: str | None = None
    order_id: str | None = None

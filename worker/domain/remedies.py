"""What a job needs that has not had its effect: time, a person, or the buyer.

An error's `advice` is the provider's, where it gave one; here are the words for all others, by
the error's kind. Kinds that are not here are refusals of the provider's or of the door: what
they say has to be changed by a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Helps(StrEnum):
    TIME = "time"  # trying again may be enough
    PERSON = "person"
    BUYER = "buyer"


@dataclass(frozen=True, slots=True)
class Remedy:
    helps: Helps
    to_do: str | None = None  # None: what the error says


REFUSAL = Remedy(Helps.PERSON)

REMEDIES: Mapping[str, Remedy] = {
    "attempts_exhausted": Remedy(Helps.TIME, "Retry the job once the provider answers again."),
    "expired": Remedy(Helps.TIME, "Retry the job, if the order is still to be changed."),
    "outcome_unknown": Remedy(
        Helps.PERSON,
        "Look the order up at the provider: our request may have been applied. If it was not,"
        " retry the job.",
    ),
    "worker_lost": Remedy(
        Helps.PERSON, "Read the worker's log for what ended it, then retry the job."
    ),
    "credentials": Remedy(
        Helps.PERSON,
        "Give a worker the seller's credentials, as the provider accepts them; a job that has"
        " failed for them is then retried.",
    ),
    "buyer": Remedy(
        Helps.BUYER, "The buyer has to authenticate the payment, or else to check out again."
    ),
}


def remedy_of(kind: object) -> Remedy:
    """What an error of this kind needs."""
    return REMEDIES.get(str(kind), REFUSAL)


def to_do(error: Mapping[str, Any] | None, waiting_for: str | None) -> str:
    """What somebody has to do about a job that ended with `error`, or that waits for them."""
    said = error or {}
    words = said.get("advice") or remedy_of(said.get("kind") or waiting_for).to_do
    return str(words or said.get("message") or "Look at what the provider said.")

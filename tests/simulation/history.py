"""What a history is: data that a seed draws, and that can be made shorter.

Its acts follow each other in time; its faults happen at steps that are counted: the third message,
the eleventh commit. What is not said here (delays, jitter, who gets a message) is drawn by the
world from the same seed as it comes up.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.simulation.model import CALL_TIMEOUT, FAULTS
from worker.domain.jobs import Policy, Task

GIVE_UP_AFTER = {Task.CONFIRM: 900.0, Task.CANCEL: 900.0}
PATIENT = Policy(call_timeout=CALL_TIMEOUT, give_up_after=GIVE_UP_AFTER, doubt_limit=300.0)
# Jobs fail, with an outcome that is known or not, and are retried.
HASTY = replace(PATIENT, max_attempts=1, doubt_limit=5.0)
POLICIES = {
    "patient": PATIENT,
    "hasty": HASTY,
    "as configured": Policy(call_timeout=CALL_TIMEOUT),
}
QUOTAS = {
    "ConfirmOrderReference": (3.0, 0.5),
    "CancelOrderReference": (3.0, 0.5),
    "GetOrderReferenceDetails": (6.0, 1.0),
}

BEGINNINGS = ("new", "open", "authorize", "capture")
DEEDS = ("authorize", "capture", "close", "cancel at Amazon", "keep", "release")
MOMENTS = ("the check is sent", "the check has been read", "the cancel is sent")
MEANWHILE = ("authorize", "capture", "keep", "checkout", "cancel", "withdraw")
SECONDS = (0.0, 0.0, 0.1, 0.3, 3.0, 12.0, 60.0)  # from an act to the next one
STILL = (5.0, 20.0, 40.0)  # for which something is stopped; a lease is 15
HOUR = 3600.0

# What may go wrong at a step of each kind, and up to which one of a history.
FAULTS_AT = {
    "call": (FAULTS, 15),
    "message": (("lost", "twice", "late"), 15),
    "commit": (
        (
            "undone",
            "error before",
            "lost",  # nobody is told that it came to nothing,
            "unanswered",  # or that it was written
            "crash before",
            "crash after",
            "process killed",
            "held up",
            "stopped",
            "process stopped",
        ),
        120,
    ),
    "point": (("crash", "process killed", "held up", "stopped", "process stopped"), 30),
}
TOO_LATE = {"late", "very late", "reset", "lagging"}


@dataclass(frozen=True)
class Act:
    after: float  # seconds since the one before
    what: str
    words: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.after:5g} s later: {' '.join([self.what, *map(str, self.words)])}"


@dataclass(frozen=True)
class Fault:
    kind: str  # of step
    number: int  # of the steps of that kind
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.what}"


@dataclass(frozen=True)
class History:
    seed: int
    workers: int
    slots: int
    policy: str
    orders: tuple[str, ...]  # how each begins
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        head = f"{self.workers} workers with {self.slots} slots, {self.policy}; orders: "
        return "\n".join([head + ", ".join(self.orders), *map(str, self.acts + self.faults)])


def drawn(seed: int) -> History:
    """The history of a seed."""
    chance = random.Random(seed)
    acts = tuple(_act(chance) for _ in range(chance.randint(2, 8)))
    faults = tuple(_fault(chance) for _ in range(chance.choice((0, 0, 1, 1, 2, 3, 5, 8))))
    if any(act.what == "the clock is set" for act in acts):
        # Who counts the seconds of a doubt by a clock that jumps cannot wait for what is late.
        faults = tuple(fault for fault in faults if fault.what not in TOO_LATE)
    return History(
        seed,
        chance.choice((1, 1, 2, 2, 3, 4)),
        chance.randint(1, 3),
        chance.choice(("patient", "patient", "hasty", "as configured")),
        tuple(chance.choice(BEGINNINGS) for _ in range(3)),
        acts,
        faults,
    )


def _fault(chance: random.Random) -> Fault:
    kind = chance.choice(("call", "call", "message", "commit", "commit", "point"))
    faults, upto = FAULTS_AT[kind]
    number = min(chance.randrange(1, upto), chance.randrange(1, upto))
    return Fault(kind, number, chance.choice(faults))


def _act(chance: random.Random) -> Act:
    def order() -> int:
        return chance.randint(1, 3)

    words: dict[str, Callable[[], tuple[object, ...]]] = {
        "crowd": lambda: (chance.randint(3, 7), chance.choice(("confirm", "cancel"))),
        "checkout": lambda: (order(), chance.choice(("once", "once", "twice", "rolled back"))),
        "cancel": lambda: (order(), chance.choice((0.0, 0.0, 30.0))),
        "does": lambda: (order(), chance.choice(DEEDS)),
        "sweep": lambda: (
            chance.choice(((), (1,), (2, 3), (1, 2, 3))),
            chance.choice(MOMENTS),
            chance.choice((None, None, *MEANWHILE)),
        ),
        "withdraw": lambda: (chance.randint(0, 3),),
        "retry": lambda: (chance.choice(("by schedule", "by hand")),),
        "calls go wrong": lambda: (
            chance.choice(sorted(QUOTAS)),
            chance.choice(FAULTS),
            chance.randint(1, 3),
        ),
        "a process is to end": lambda: (chance.choice((0.1, 5.0)),),
        "a run is killed": tuple,
        "a run is stopped": lambda: (chance.choice(STILL),),
        "a process is killed": lambda: (chance.choice((0.1, 5.0, 30.0)),),
        "a process is stopped": lambda: (chance.choice(STILL),),
        "the ledger is away": lambda: (chance.choice((0.5, 5.0, 20.0)),),
        "lookups fail": lambda: (chance.choice((60.0, HOUR)),),
        "the provider is away": lambda: (chance.choice((3.0, 60.0)),),
        "others call": lambda: (chance.choice(sorted(QUOTAS)), chance.randint(1, 6)),
        "the clock is set": lambda: (chance.choice((HOUR, -HOUR)),),
    }
    what = chance.choices(list(COMMON), list(COMMON.values()))[0]
    return Act(chance.choice(SECONDS), what, words[what]())


COMMON = {
    "checkout": 30,
    "crowd": 2,
    "cancel": 14,
    "does": 8,
    "sweep": 14,
    "withdraw": 3,
    "retry": 6,
    "calls go wrong": 8,
    "a process is to end": 2,
    "a run is killed": 3,
    "a run is stopped": 3,
    "a process is killed": 3,
    "a process is stopped": 3,
    "the ledger is away": 2,
    "lookups fail": 2,
    "the provider is away": 2,
    "others call": 2,
    "the clock is set": 1,
}

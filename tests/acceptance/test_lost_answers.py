"""Every way to lose an answer, at each point at which a worker can die, at both providers.

The real executor, dispatcher, ledger and providers against the sandbox, over real connections; the
waits alone are not waited for: one clock that a sleep moves on is everybody's. Each job must end
in the state that is true at the provider, with one effect, and not be sent again without lookups,
also where these lag behind or fail for an hour.
"""

import itertools
from dataclasses import dataclass, field

import pytest
from one_clock import HOUR, PARENT, one_clock

from worker.crash import POINTS
from worker.domain.jobs import Request, Task
from worker.ledger.verification import replay

SLOW = 0.8  # real seconds, longer than a call may take
LAG = 8.0  # seconds, below doubt_wait: two lookups believe what both have read
LOOKUPS = {"GetOrderReferenceDetails", "GetOrderItems"}


@dataclass(frozen=True)
class Case:
    """A write, and how its order is named and staged; orders are numbered by the caller."""

    name: str
    task: Task
    write: str
    seller: str
    order: str
    state: str | None = None
    words: dict = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()


HTML = {"body": "html"}
EVERYWHERE = {
    "time-out": {"delay": SLOW},
    "reset": {"cut": True},
    "500": {"answer": {"status": 500, **HTML}},
    "502": {"answer": {"status": 502, **HTML}},
    "504": {"answer": {"status": 504, **HTML}},
    "empty": {"answer": {"status": 200, "body": "empty"}},
    "torn": {"answer": {"status": 200, "body": "truncated"}},
    "elsewhere": {
        "answer": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}, **HTML}
    },
    "404 without a code": {"answer": {"status": 404, **HTML}},
}
OF_AMAZON = {
    "InternalServerError": {"answer": {"status": 500, "code": "InternalServerError"}},
    "ServiceUnavailable": {"answer": {"status": 503, "code": "ServiceUnavailable"}},
}
OF_CENTER = {
    "E006": {"answer": {"code": "E006"}},
    "E021": {"answer": {"code": "E021"}},
}
FAULTS = EVERYWHERE | OF_AMAZON | OF_CENTER
CASES = (
    Case(
        "confirm",
        Task.CONFIRM,
        "ConfirmOrderReference",
        "acme",
        "S01-0000000-{:07}",
        outcomes=(*EVERYWHERE, *OF_AMAZON),
    ),
    Case(
        "cancel",
        Task.CANCEL,
        "CancelOrderReference",
        "acme",
        "S01-0000001-{:07}",
        "Open",
        {"reason": "out of stock"},
        (*EVERYWHERE, *OF_AMAZON),
    ),
    Case(
        "item",
        Task.CANCEL,
        "SetStatusToCanceled",
        "mall",
        "10{:05}",
        "pending",
        {"reason": "SHORTAGE", "parent_order_id": PARENT},
        (*EVERYWHERE, *OF_CENTER),
    ),
    Case(
        "item without its parent order",
        Task.CANCEL,
        "SetStatusToCanceled",
        "mall",
        "20{:05}",
        "pending",
        {"reason": "SHORTAGE"},
        (*EVERYWHERE, *OF_CENTER),
    ),
)
READING = (
    "at once",
    pytest.param("lagging", marks=pytest.mark.long),
    "failing for an hour",
)


@pytest.fixture
def world(tmp_path, monkeypatch):
    with one_clock(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("reading", READING)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_whatever_is_lost_the_job_ends_as_it_is_at_the_provider(world, case, reading):
    sandbox = world.sandbox
    made = {}
    for outcome, when, dies_at in itertools.product(
        case.outcomes, ("before", "after"), (None, *POINTS)
    ):
        order = case.order.format(next(world.numbers))
        if case.state:
            parent = {"parent": PARENT} if case.seller == "mall" else {}
            sandbox.stage(order, state=case.state, **parent)
        world.record(Request(case.task, case.seller, order, **case.words), dies_at)
        made[order] = f"{outcome} {when} it is applied, killed {dies_at}"
        match = {"operation": case.write, "order_id": order}
        sandbox.add_fault(match=match, when=when, **FAULTS[outcome])
    if reading == "lagging":
        sandbox.switch(read_lag_s=LAG)
    if reading == "failing for an hour":
        begun = world.clock.now
        for operation in LOOKUPS:
            match = {"operation": operation}
            sandbox.add_fault(match=match, times=None, answer={"status": 500, "body": "html"})
        world.work(lambda: world.all_final() or world.clock.now - begun > HOUR)
        sandbox.clear_faults()
    world.work(world.all_final)

    ended = {row.order_id: row for row in world.states().values()}
    wrong = [
        (what, row.state, row.error, sandbox.order(order)["changed"])
        for order, what in made.items()
        if (row := ended[order]).state != "succeeded"
        or sandbox.order(order)["changed"] != {case.write: 1}
        or row.receipt["basis"] not in ({"own", "inferred"} if _is_blind(case) else {"own"})
    ]
    assert wrong == []
    assert [f"{made[one.order_id]}: {one.what}" for one in replay.findings(world.ledger)] == []
    if not _is_blind(case):
        assert blindly_sent(sandbox, case.write) == []


def _is_blind(case):
    return case.seller == "mall" and "parent_order_id" not in case.words


def blindly_sent(sandbox, write):
    """The orders of which the write reached the provider twice, and no lookup came between."""
    sent, blind = set(), []
    for entry in sandbox.requests():
        if entry.operation == write:
            if entry.order_id in sent:
                blind.append(entry.order_id)
            sent.add(entry.order_id)
        elif entry.operation in LOOKUPS:
            sent -= {entry.order_id} if entry.order_id != PARENT else sent
    return blind

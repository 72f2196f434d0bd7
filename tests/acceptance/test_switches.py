"""What the providers leave open, each way: the worker ends in the state that is true over there.

A row is a switch of the sandbox with one of its values, the order as it stands, what is asked, and
how the job ends. The values that only change the form of an answer end as the default does.
"""

from dataclasses import dataclass, field

import pytest
from one_clock import PARENT, one_clock

from worker.domain.jobs import Request, Task
from worker.ledger.verification import replay
from worker.sandbox.switches import SWITCHES

OWN, OTHER = "succeeded, basis own", "succeeded, basis other"
FOUND = "succeeded, basis own, already"
INFERRED = "succeeded, basis inferred, already"
REJECTED = "rejected"

ORDERS = {"confirm": "S01-0000000-{:07}", "cancel": "S01-0000001-{:07}", "item": "10{:05}"}
WORDS = {
    "confirm": {},
    "cancel": {"reason": "out of stock"},
    "item": {"reason": "SHORTAGE", "parent_order_id": PARENT},
}


@dataclass(frozen=True)
class Row:
    switch: str
    value: object
    task: str  # confirm, cancel, or item
    staged: dict  # the order as it stands; empty: as it begins
    ends: str  # the job
    state: str  # the order, in the end
    words: dict = field(default_factory=dict)
    faults: tuple = ()
    also: dict = field(default_factory=dict)  # other switches


def rows(switch, values, *words, **more):
    return [Row(switch, value, *words, **more) for value in values]


def both(switch, *words, **more):
    """Every value of a switch, none of which changes how the job ends."""
    return rows(switch, SWITCHES[switch].allowed, *words, **more)


NOT_OPEN, FIXED = "InvalidOrderReferenceStatus", "OrderReferenceNotModifiable"
NO_CANCEL, SAME = "InvalidCancelAttempt", "ok_no_change"
DRAFT, OPEN, CANCELED, CLOSED = (
    {"state": each} for each in ("Draft", "Open", "Canceled", "Closed")
)
SUSPENDED = {"state": "Suspended", "reason_code": "InvalidPaymentMethod"}
REPAIRED = SUSPENDED | {"payment_repaired": True}
CAPTURED = OPEN | {"captures": ["Completed"]}
CONSTRAINED = {"constraints": ["AmountNotSet"]}
PENDING, GONE = ({"state": each, "parent": PARENT} for each in ("pending", "canceled"))
SHIPPED = {"state": "ready_to_ship", "parent": PARENT}
ORPHAN = {"parent_order_id": None}
BANK = {"success_url": "https://shop.example/paid", "failure_url": "https://shop.example/not"}
MINUTE = {"buyer_after_s": 60.0}
LONG = {"reason": "x" * 1025}
CLOCK = ({"clock_skew": 2000.0},)
LOST = ({"match": {"operation": "SetStatusToCanceled"}, "when": "after", "cut": True},)
ODD = ({"match": {"operation": "Set*"}, "when": "after", "answer": {"code": "E222"}},)
FULL = ({"match": {"operation": "Set*"}, "answer": {"code": "E429"}},)
IN_BETWEEN = ({"match": {"operation": "Set*"}, "staged": {"state": "canceled"}},)
SHIPS = ({"match": {"operation": "Set*"}, "staged": {"state": "ready_to_ship"}, "cut": True},)

ROWS = [
    # Amazon Pay: what an operation does in a state.
    *rows("confirm_on_open", [SAME], "confirm", OPEN, OWN, "Open"),
    *rows("confirm_on_open", [NOT_OPEN, FIXED], "confirm", OPEN, FOUND, "Open"),
    *rows("confirm_on_canceled", [NOT_OPEN, FIXED], "confirm", CANCELED, REJECTED, "Canceled"),
    *rows("confirm_on_canceled", [SAME], "confirm", CANCELED, OWN, "Canceled"),
    *rows("confirm_on_closed", [NOT_OPEN, FIXED], "confirm", CLOSED, REJECTED, "Closed"),
    *rows("confirm_on_closed", [SAME], "confirm", CLOSED, OWN, "Closed"),
    *rows("confirm_on_suspended", ["open_if_repaired"], "confirm", REPAIRED, OWN, "Open"),
    *rows("confirm_on_suspended", ["open_if_repaired"], "confirm", SUSPENDED, REJECTED,
          "Suspended"),
    *rows("confirm_on_suspended", [SAME], "confirm", SUSPENDED, OWN, "Suspended"),
    *rows("confirm_on_suspended", ["error"], "confirm", SUSPENDED, REJECTED, "Suspended"),
    *rows("cancel_on_draft", ["canceled"], "cancel", DRAFT, OWN, "Canceled"),
    *rows("cancel_on_draft", [NO_CANCEL, NOT_OPEN], "cancel", DRAFT, REJECTED, "Draft"),
    *rows("cancel_on_canceled", [SAME], "cancel", CANCELED, OWN, "Canceled"),
    *rows("cancel_on_canceled", [NOT_OPEN, NO_CANCEL], "cancel", CANCELED, OTHER, "Canceled"),
    *both("cancel_on_closed", "cancel", CLOSED, REJECTED, "Closed"),
    *both("cancel_with_captures", "cancel", CAPTURED, REJECTED, "Open"),
    *rows("cancel_reason_over_1024", ["truncate"], "cancel", OPEN, OWN, "Canceled", words=LONG),
    *rows("cancel_reason_over_1024", ["InvalidParameterValue"], "cancel", OPEN, REJECTED, "Open",
          words=LONG),
    *rows("unknown_order", ["ready"], "confirm", {}, OWN, "Open"),
    *rows("unknown_order", ["constrained"], "confirm", {}, REJECTED, "Draft"),
    *both("constraints_status", "confirm", CONSTRAINED, REJECTED, "Draft"),
    # The buyer's bank.
    *rows("sca", ["off"], "confirm", DRAFT, OWN, "Open", words=BANK),
    *rows("sca", ["on"], "confirm", DRAFT, REJECTED, "Canceled", words=BANK),
    *rows("sca", ["approves"], "confirm", DRAFT, OWN, "Open", words=BANK, also=MINUTE),
    *rows("sca", ["declines"], "confirm", DRAFT, REJECTED, "Canceled", words=BANK, also=MINUTE),
    # How Amazon Pay refuses, and in what form.
    *both("state_error_status", "cancel", CLOSED, REJECTED, "Closed"),
    *both("error_body", "cancel", CLOSED, REJECTED, "Closed"),
    *both("error_body", "confirm", OPEN, FOUND, "Open", also={"confirm_on_open": FIXED}),
    *both("error_type", "cancel", CLOSED, REJECTED, "Closed"),
    *both("request_id_tag", "cancel", CLOSED, REJECTED, "Closed"),
    *both("result_element", "confirm", DRAFT, OWN, "Open"),
    *both("namespace_scheme", "confirm", DRAFT, OWN, "Open"),
    *both("timestamp_error", "confirm", DRAFT, OWN, "Open", faults=CLOCK),
    *both("throttled_uses_quota", "confirm", DRAFT, OWN, "Open"),
    *both("quota_headers", "confirm", DRAFT, OWN, "Open"),
    # Seller Center: what an operation does.
    *rows("cancel_of_canceled", ["E028"], "item", GONE, OTHER, "canceled"),
    *rows("cancel_of_canceled", ["success"], "item", GONE, OWN, "canceled"),
    *rows("cancel_from", [("pending",)], "item", SHIPPED, REJECTED, "ready_to_ship"),
    *rows("cancel_from", [("pending", "ready_to_ship")], "item", SHIPPED, OWN, "canceled"),
    *both("cancel_scope", "item", PENDING, OWN, "canceled"),
    *rows("reason_compare", ["exact"], "item", PENDING, REJECTED, "pending",
          words={"reason": "shortage"}),
    *rows("reason_compare", ["case_insensitive"], "item", PENDING, OWN, "canceled",
          words={"reason": "shortage"}),
    *rows("reason_parameter", ["Reason"], "item", PENDING, OWN, "canceled"),
    *rows("reason_parameter", ["ReasonId"], "item", PENDING, REJECTED, "pending"),
    *rows("reason_detail_limit", [None], "item", PENDING, OWN, "canceled",
          words={"reason_detail": "sold out"}),
    *rows("reason_detail_limit", [3.0], "item", PENDING, REJECTED, "pending",
          words={"reason_detail": "sold out"}),
    # How Seller Center answers.
    *both("error_http_status", "item", SHIPPED, REJECTED, "ready_to_ship"),
    *both("throttle_http_status", "item", PENDING, OWN, "canceled", faults=FULL),
    *rows("retry_after", [None, 3.0], "item", PENDING, OWN, "canceled", faults=FULL),
    *both("error_code_missing", "item", SHIPPED, REJECTED, "ready_to_ship"),
    *both("empty_body", "item", PENDING, OWN, "canceled"),
    *both("json_single_item", "item", PENDING, FOUND, "canceled", faults=LOST),
    *both("head_offset", "item", PENDING, FOUND, "canceled", faults=LOST),
    *both("quota_of", "item", PENDING, OWN, "canceled"),
    *rows("item_error_type", ["Platform"], "item", PENDING, FOUND, "canceled", faults=ODD),
    *rows("item_error_type", ["by_code", "Sender"], "item", PENDING, REJECTED, "canceled",
          faults=ODD),
    # Without a parent order no lookup is possible: a repeat that the state refuses tells.
    *rows("cancel_of_canceled", ["E028"], "item", PENDING, INFERRED, "canceled", words=ORPHAN,
          faults=LOST),
    *rows("cancel_of_canceled", ["success"], "item", PENDING, OWN, "canceled", words=ORPHAN,
          faults=LOST),
    *rows("cancel_of_canceled", ["E028"], "item", GONE, REJECTED, "canceled", words=ORPHAN),
    # Somebody else was faster.
    *rows("cancel_of_canceled", ["E028"], "item", PENDING, OTHER, "canceled", faults=IN_BETWEEN),
    *rows("cancel_of_canceled", ["E028"], "item", PENDING, REJECTED, "ready_to_ship", faults=SHIPS),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        one_clock(tmp_path_factory.mktemp("switches"), monkeypatch) as made,
    ):
        yield made
        assert [f"{one.id} {one.what}" for one in replay.findings(made.ledger)] == []


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row.switch}={row.value}-{row.task}-{row.ends}"
)
def test_the_job_ends_as_it_is_at_the_provider(world, row):
    sandbox = world.sandbox
    sandbox.reset()
    sandbox.switch(**{row.switch: row.value, **row.also})
    order = ORDERS[row.task].format(next(world.numbers))
    if row.staged:
        sandbox.stage(order, **row.staged)
    for fault in row.faults:
        sandbox.add_fault(fault)
    task = Task.CONFIRM if row.task == "confirm" else Task.CANCEL
    seller = "mall" if row.task == "item" else "euro" if row.switch == "sca" else "acme"
    job_id = world.record(Request(task, seller, order, **{**WORDS[row.task], **row.words}))
    world.work(world.all_final)
    job = world.states()[job_id]
    assert (_end(job), sandbox.order(order)["state"]) == (row.ends, row.state), job.error
    if row.words == ORPHAN and job.state == "succeeded":
        assert "without its parent_order_id" in job.receipt["why"]
    assert max(sandbox.order(order)["changed"].values(), default=0) <= 1


def _end(job):
    if job.state != "succeeded":
        return job.state
    already = ", already" if job.receipt["already"] and job.receipt["basis"] != "other" else ""
    return f"succeeded, basis {job.receipt['basis']}{already}"


def test_every_switch_that_changes_how_a_job_ends_has_rows_of_each_value():
    told = {row.switch for row in ROWS}
    for name in told:
        switch = SWITCHES[name]
        if isinstance(switch.allowed, tuple) and name != "unknown_order":
            assert {row.value for row in ROWS if row.switch == name} == set(switch.allowed), name

"""The table of decisions: what follows from each outcome of each step."""

import itertools
from dataclasses import dataclass

import pytest
from domain_values import ANSWERS, NOW, POLICY, a_job, at, read

from worker.domain.decisions import Decision, decide
from worker.domain.jobs import FINAL, Effect, Job, State, Step, WaitingFor
from worker.domain.outcomes import Answer, Outcome, Standing

# `before` is the job's effect before the request, `lookup` whether its order can be looked up.
# Of a lookup that read the order, the outcome is what it read: `again` says that the same was
# read `doubt_wait` ago; `unread` is an answer without an order. A final job has no next step.
TABLE = """
step     outcome        before    lookup | state      effect    next     waiting_for  cost
---------------------------------------------------------------------------------------------
apply    applied        none      yes    | waiting    applied   details  lookup       0
apply    applied        possible  yes    | waiting    applied   details  lookup       0
apply    applied        none      no     | succeeded  applied   -        -            0
apply    applied        possible  no     | succeeded  applied   -        -            0
apply    throttled      none      any    | waiting    none      apply    throttle     0
apply    throttled      possible  any    | in_doubt   possible  apply    throttle     0
apply    refused        none      any    | waiting    none      apply    backoff      1
apply    refused        possible  any    | in_doubt   possible  apply    backoff      1
apply    unknown        none      yes    | in_doubt   possible  doubt    lookup       1
apply    unknown        possible  yes    | in_doubt   possible  doubt    lookup       1
apply    unknown        none      no     | in_doubt   possible  apply    backoff      1
apply    unknown        possible  no     | in_doubt   possible  apply    backoff      1
apply    state_refused  none      yes    | waiting    none      refusal  lookup       0
apply    state_refused  possible  yes    | in_doubt   possible  doubt    lookup       0
apply    state_refused  none      no     | rejected   none      -        -            0
apply    state_refused  possible  no     | succeeded  applied   -        -            0
apply    rejected       none      any    | rejected   none      -        -            0
apply    rejected       possible  yes    | in_doubt   possible  doubt    lookup       0
apply    rejected       possible  no     | failed     possible  -        -            0
apply    denied         none      any    | waiting    none      apply    credentials  0
apply    denied         possible  any    | in_doubt   possible  apply    credentials  0
apply    clock_expired  none      any    | waiting    none      apply    turn         0
apply    clock_expired  possible  any    | in_doubt   possible  apply    turn         0

doubt    reached        possible  any    | succeeded  applied   -        -            0
doubt    not_yet        possible  any    | in_doubt   possible  doubt    lookup       0
doubt    not_yet_again  possible  any    | waiting    none      apply    turn         0
doubt    excluded       possible  any    | rejected   none      -        -            0
doubt    missing        possible  any    | failed     possible  -        -            0
doubt    unread         possible  any    | in_doubt   possible  doubt    lookup       0
doubt    throttled      possible  any    | in_doubt   possible  doubt    throttle     0
doubt    refused        possible  any    | in_doubt   possible  doubt    lookup       0
doubt    unknown        possible  any    | in_doubt   possible  doubt    lookup       0
doubt    state_refused  possible  any    | in_doubt   possible  doubt    lookup       0
doubt    rejected       possible  any    | in_doubt   possible  doubt    lookup       0
doubt    denied         possible  any    | in_doubt   possible  doubt    credentials  0
doubt    clock_expired  possible  any    | in_doubt   possible  doubt    turn         0

doubt    reached        none      any    | succeeded  applied   -        -            0
doubt    not_yet        none      any    | waiting    none      doubt    lookup       0
doubt    not_yet_again  none      any    | waiting    none      apply    turn         0
doubt    excluded       none      any    | rejected   none      -        -            0
doubt    missing        none      any    | rejected   none      -        -            0
doubt    unread         none      any    | waiting    none      doubt    lookup       0
doubt    throttled      none      any    | waiting    none      doubt    throttle     0
doubt    refused        none      any    | waiting    none      doubt    lookup       0
doubt    unknown        none      any    | waiting    none      doubt    lookup       0
doubt    state_refused  none      any    | waiting    none      doubt    lookup       0
doubt    rejected       none      any    | waiting    none      doubt    lookup       0
doubt    denied         none      any    | waiting    none      doubt    credentials  0
doubt    clock_expired  none      any    | waiting    none      doubt    turn         0

refusal  reached        none      any    | succeeded  applied   -        -            0
refusal  not_yet        none      any    | rejected   none      -        -            0
refusal  not_yet_again  none      any    | rejected   none      -        -            0
refusal  excluded       none      any    | rejected   none      -        -            0
refusal  missing        none      any    | rejected   none      -        -            0
refusal  unread         none      any    | waiting    none      refusal  lookup       0
refusal  throttled      none      any    | waiting    none      refusal  throttle     0
refusal  refused        none      any    | waiting    none      refusal  lookup       0
refusal  unknown        none      any    | waiting    none      refusal  lookup       0
refusal  state_refused  none      any    | waiting    none      refusal  lookup       0
refusal  rejected       none      any    | waiting    none      refusal  lookup       0
refusal  denied         none      any    | waiting    none      refusal  credentials  0
refusal  clock_expired  none      any    | waiting    none      refusal  turn         0

details  reached        applied   any    | succeeded  applied   -        -            0
details  not_yet        applied   any    | waiting    applied   details  lookup       0
details  not_yet_again  applied   any    | waiting    none      details  buyer        0
details  excluded       applied   any    | succeeded  applied   -        -            0
details  missing        applied   any    | succeeded  applied   -        -            0
details  unread         applied   any    | waiting    applied   details  lookup       0
details  throttled      applied   any    | waiting    applied   details  throttle     0
details  refused        applied   any    | waiting    applied   details  lookup       0
details  unknown        applied   any    | waiting    applied   details  lookup       0
details  state_refused  applied   any    | succeeded  applied   -        -            0
details  rejected       applied   any    | succeeded  applied   -        -            0
details  denied         applied   any    | waiting    applied   details  credentials  0
details  clock_expired  applied   any    | waiting    applied   details  turn         0
"""

STEPS = {
    "apply": Step.APPLY,
    "doubt": Step.DOUBT,
    "refusal": Step.REFUSAL,
    "details": Step.DETAILS,
}
EFFECTS_BEFORE = {
    "apply": ("none", "possible"),
    "doubt": ("none", "possible"),
    "refusal": ("none",),
    "details": ("applied",),
}
READINGS = ("reached", "not_yet", "not_yet_again", "excluded", "missing", "unread")


@dataclass(frozen=True)
class Row:
    step: str
    outcome: str
    before: str
    lookup: str
    state: str
    effect: str
    next: str
    waiting_for: str
    cost: str

    def job(self) -> Job:
        changes = {"not_applied_at": NOW - 10} if self.outcome == "not_yet_again" else {}
        if self.step == "details":
            changes["receipt"] = {"basis": "own"}
        return a_job(STEPS[self.step], Effect(self.before), **changes)

    def answer(self) -> Answer:
        if self.outcome == "unread":
            return ANSWERS[Outcome.APPLIED]
        if self.outcome in READINGS:
            return read(Standing(self.outcome.removesuffix("_again")))
        return ANSWERS[Outcome(self.outcome)]

    def lookups(self) -> list[bool]:
        return {"yes": [True], "no": [False], "any": [True, False]}[self.lookup]

    def is_met_by(self, decision: Decision) -> None:
        assert decision.state == State(self.state)
        assert decision.effect == Effect(self.effect)
        assert decision.cost == int(self.cost)
        assert decision.waiting_for == (
            None if self.waiting_for == "-" else WaitingFor(self.waiting_for)
        )
        if self.next == "-":
            assert decision.state in FINAL
        else:
            assert decision.step is STEPS[self.next]


ROWS = [
    Row(*line.replace("|", " ").split()) for line in TABLE.strip().splitlines()[2:] if line.strip()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.step}-{row.outcome}-{row.before}")
def test_what_follows_from_an_outcome_is_what_the_table_says(row):
    for can_look_up in row.lookups():
        row.is_met_by(decide(row.job(), row.answer(), at(can_look_up=can_look_up), POLICY))


def test_the_table_has_one_row_for_everything_that_can_happen():
    written = [
        (row.step, row.outcome, row.before, can_look_up)
        for row in ROWS
        for can_look_up in row.lookups()
    ]
    read_or_not = [*READINGS, *(str(outcome) for outcome in Outcome if outcome != Outcome.APPLIED)]
    possible = [
        case
        for step in STEPS
        for case in itertools.product(
            (step,),
            map(str, Outcome) if step == "apply" else read_or_not,
            EFFECTS_BEFORE[step],
            (True, False),
        )
    ]
    assert sorted(written) == sorted(possible)

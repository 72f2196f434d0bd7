"""A history that fails is made shorter, and fails in the same way."""

from collections import Counter

from tests.simulation.history import Act, Fault, History
from tests.simulation.playing import Played
from tests.simulation.shrinking import kind, shrunk

LONG = History(
    seed=7,
    workers=4,
    slots=3,
    policy="hasty",
    orders=("open", "capture", "new"),
    acts=tuple(Act(3.0, what, (number,)) for number, what in enumerate("abcdefg")),
    faults=tuple(Fault("commit", number, "lost") for number in range(5)),
)


def plays(wrong):
    return lambda history: Played(history, wrong(history), Counter())


def test_only_what_it_takes_is_left():
    def wrong(history):
        names = [act.what for act in history.acts]
        numbers = {fault.number for fault in history.faults}
        fails = "b" in names and "f" in names and 3 in numbers and history.workers > 1
        return f"job-0000{len(names)} was applied twice (by worker-1, at 3.5)" if fails else None

    play = plays(wrong)
    short = shrunk(play(LONG), play)
    assert [(act.what, act.after) for act in short.history.acts] == [("b", 0.0), ("f", 0.0)]
    assert short.history.faults == (LONG.faults[3],)
    assert (short.history.workers, short.history.slots) == (2, 1)
    assert (short.history.policy, short.history.orders) == ("patient", ("new", "new", "new"))
    assert short.wrong == "job-00002 was applied twice (by worker-1, at 3.5)"


def test_another_failure_is_not_taken_for_the_same():
    def wrong(history):
        return "applied twice" if len(history.acts) > 3 else "stuck"

    play = plays(wrong)
    assert len(shrunk(play(LONG), play).history.acts) == 4


def test_a_failure_is_the_same_whichever_job_and_moment_it_is_of():
    told = "job-00004 is sent without a token (by worker-0, at 12.3)"
    assert kind(told) == kind("job-00011 is sent without a token (by worker-2, at 0.5)")
    assert kind(told) != kind("job-00004 was applied twice (by worker-0, at 12.3)")
    assert kind(None) is None

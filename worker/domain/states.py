"""Which state a job may go to from which. The ledger asks before it writes any transition."""

from worker.domain.jobs import State

TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.WAITING, State.REJECTED}),  # REJECTED: a foreign message's arguments
    State.WAITING: frozenset(
        {
            State.WAITING,  # waits for something else
            State.RUNNING,
            State.WITHDRAWN,
            State.REJECTED,
            State.FAILED,  # expired
            State.SUCCEEDED,  # applied, and its details did not come before the deadline
        }
    ),
    State.RUNNING: frozenset(
        {
            State.WAITING,
            State.IN_DOUBT,
            State.SUCCEEDED,
            State.REJECTED,
            State.FAILED,
            State.WITHDRAWN,
        }
    ),
    State.IN_DOUBT: frozenset({State.RUNNING, State.FAILED}),
    State.FAILED: frozenset({State.WAITING}),  # retry
    State.SUCCEEDED: frozenset(),
    State.REJECTED: frozenset(),
    State.WITHDRAWN: frozenset(),
}


def check(old: State | None, new: State) -> None:
    """Raise AssertionError for a transition that the table does not know: it is our bug."""
    if new not in TRANSITIONS[old]:
        raise AssertionError(f"Bug! A job cannot go from {old or 'nothing'} to {new}.")

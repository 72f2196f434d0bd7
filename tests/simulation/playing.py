"""Playing the histories of a seed, in a process of their own.

`python -m tests.simulation.playing SEED` plays them again, and shrinks one that fails to its
shortest form.
"""

import logging
import sys
import traceback
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.histories import SEEN, ShopHistory
from worker import dispatcher

SETTINGS = settings(
    stateful_step_count=8,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
SAFETY_NET = 3600.0  # seconds: each wake-up that is missed would show as a job that is late


def play(number: int, histories: int) -> tuple[str | None, Counter[str]]:
    """What is wrong with the histories of a seed, and where they got; in a process of its own."""
    logging.disable()
    dispatcher.LONGEST = SAFETY_NET
    SEEN.clear()
    try:
        run_state_machine_as_test(
            seed(number)(ShopHistory), settings=settings(SETTINGS, max_examples=histories)
        )
    except Exception:  # noqa: BLE001 - whatever it is: told by whoever asked
        return traceback.format_exc(), SEEN
    return None, SEEN


if __name__ == "__main__":
    wrong, seen = play(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
    print(wrong or "Nothing is wrong.")  # noqa: T201
    for what, times in seen.most_common():
        print(f"{times:8} {what}")  # noqa: T201

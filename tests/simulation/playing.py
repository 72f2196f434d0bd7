"""Playing a history, and what came of it."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.history import History
from tests.simulation.stage import Stage
from tests.simulation.world import Stuck, Wrong
from worker import crash, dispatcher

SAFETY_NET = 3600.0  # seconds: each wake-up that is missed shows


@dataclass
class Played:
    """`wrong` is what was wrong, None if nothing was; `seen` how often what happened."""

    history: History
    wrong: str | None
    seen: Counter[str]
    trace: list[str] = field(default_factory=list)


def play(history: History, *, traced: bool = False) -> Played:
    seen: Counter[str] = Counter()
    stage = Stage(history, seen, traced=traced)
    try:
        with _prepared(stage):
            stage.play()
    except (Wrong, Stuck) as wrong:
        return Played(history, str(wrong), seen, stage.trace)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
        return Played(history, f"{type(error).__name__}: {error}", seen, stage.trace)
    seen["a history was played"] += 1
    return Played(history, None, seen, stage.trace)


@contextmanager
def _prepared(stage: Stage) -> Iterator[None]:
    """Points where the stage's mischief waits, no safety net, and no log."""
    before = crash.point, dispatcher.LONGEST, logging.root.manager.disable
    crash.point, dispatcher.LONGEST = stage.mischief.point, SAFETY_NET
    logging.disable()
    try:
        yield
    finally:
        stage.world.end()
        crash.point, dispatcher.LONGEST, disabled = before
        logging.disable(disabled)

"""Histories by the thousand, on all cores; and one of them again."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context

from tests.simulation.history import drawn
from tests.simulation.playing import play
from tests.simulation.shrinking import shrunk

AT_ONCE = 100  # histories that a process plays before it tells


@dataclass
class Report:
    """`wrong` has what was wrong, by seed; `seen` how often what happened, in how many seconds."""

    histories: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)

    def add(self, other: "Report") -> None:
        self.histories += other.histories
        self.seen += other.seen
        self.wrong |= other.wrong

    def __str__(self) -> str:
        rate = self.histories / max(self.seconds, 1e-9)
        lines = [f"{times:9} {what}" for what, times in sorted(self.seen.items())]
        lines.append(f"{self.histories} histories in {self.seconds:.0f} s: {rate:.0f} a second")
        return "\n".join(lines)


def play_seeds(seeds: Iterable[int]) -> Report:
    """In this process; what is wrong is told as it was played, which is not its shortest form."""
    report = Report()
    for seed in seeds:
        played = play(drawn(seed))
        report.histories += 1
        report.seen += played.seen
        if played.wrong is not None:
            report.wrong[seed] = played.wrong
    return report


def run(first: int, *, histories: int | None = None, minutes: float | None = None) -> Report:
    """Play the seeds from `first` on: so many, or for so long, or until one of them fails."""
    began, report = time.monotonic(), Report()
    until = began + minutes * 60.0 if minutes is not None else float("inf")
    chunks = _chunks(first, histories)
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("spawn")) as processes:
        going: set[Future[Report]] = set()
        while True:
            while len(going) < 2 * cores and time.monotonic() < until and not report.wrong:
                if (seeds := next(chunks, None)) is None:
                    break
                going.add(processes.submit(play_seeds, seeds))
            if not going:
                break
            done, going = wait(going, return_when=FIRST_COMPLETED)
            for each in done:
                report.add(each.result())
    report.seconds = time.monotonic() - began
    return report


def _chunks(first: int, histories: int | None) -> Iterator[range]:
    for at in count(first, AT_ONCE):
        if histories is not None and at >= first + histories:
            return
        yield range(at, at + AT_ONCE if histories is None else min(at + AT_ONCE, first + histories))


def told(seed: int) -> str | None:
    """What is wrong with the history of a seed, in its shortest form; None if nothing is."""
    played = play(drawn(seed))
    if played.wrong is None:
        return None
    short = shrunk(played)
    return (
        f"Seed {seed} fails; again: python -m tests.simulation {seed}\n{played.wrong}\n\n"
        f"The shortest history that fails in the same way:\n{short.history}\n{short.wrong}"
    )

"""How near a job starts to what was said when it was accepted.

One seller with a quota of (10, 5/s) at a provider that keeps it, one worker process of 8 threads,
and a producer that asks for confirms faster than that and, after each, when it is expected. So a
queue builds up, all of one priority: nothing that ranks before a job arrives after it. What was
said is compared with the arrival of the request at the provider, by its own log. A job is right if
it is off by no more than a second, or by 5 % of the wait that was said, whichever is larger.
"""

from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.contestants import Ours, Race, Stage, order
from benchmarks.processes import wait_for
from benchmarks.provider import names
from benchmarks.report import OURS, PERMITTED, Report

QUOTA = (10.0, 5.0)
EVERY = 0.02  # seconds between two calls
SECOND, SHARE = 1.0, 0.05
CONTESTANTS = (
    Ours("order-worker, SQLite"),
    Ours("order-worker, PostgreSQL + Redis", "PostgreSQL", "Redis"),
)
HEADERS = ("", "right", "jobs", "longest wait", "off by: p50", "p95", "largest")


@dataclass(frozen=True, slots=True)
class Told:
    """Seconds of waiting from the call on: what was said, and what it came to."""

    said: float
    came: float

    @property
    def off(self) -> float:
        return abs(self.came - self.said)

    @property
    def is_right(self) -> bool:
        return self.off <= max(SECOND, SHARE * self.said)


def main(*, small: bool) -> None:
    jobs = 60 if small else 400
    title = f"What was said and what it came to, {jobs} jobs at (10, 5/s)"
    report = Report("expectation", title, HEADERS, machine.look())
    found: list[tuple[str, list[Told]]] = []
    for contestant in CONTESTANTS:
        with Race(1, QUOTA).begin(contestant) as stage:
            stage.workers()
            told = _run(stage, jobs)
        found.append((contestant.name, told))
        report.add(contestant.name, *_row(told))
    report.notes.append("![said and came](expectation.svg)")
    report.write(lambda axes: _draw(axes, found), keep=not small)


def _run(stage: Stage, jobs: int) -> list[Told]:
    asks = [order(names(1)[0], number) for number in range(jobs)]
    file = stage.processes.directory / "expected"
    said = file.with_suffix(".said")
    file.write_text("".join(f"{seller} {name}\n" for seller, name in asks), encoding="utf-8")
    words = ("-m", "benchmarks.expecting", str(file), str(said), str(EVERY))
    stage.processes.run(*words, **stage.environ)
    wait_for(lambda: stage.at.applied() >= jobs, "the last confirm")
    came = {arrival.order_id: arrival.at for arrival in stage.at.arrivals() if arrival.applied}
    lines = said.read_text(encoding="ascii").splitlines()
    told = []
    for (_, name), line in zip(asks, lines, strict=True):
        at, expected = map(float, line.split())
        told.append(Told(max(0.0, expected - at), came[name] - at))
    return told


def _row(told: list[Told]) -> tuple[str, ...]:
    off = sorted(each.off for each in told)
    right = sum(each.is_right for each in told) / len(told)
    at = [off[min(len(off) - 1, int(share * len(off)))] for share in (0.5, 0.95, 1.0)]
    longest = max(each.came for each in told)
    return (f"{right:.1%}", str(len(told)), f"{longest:.1f} s", *(f"{each:.2f} s" for each in at))


def _draw(axes: Any, found: list[tuple[str, list[Told]]]) -> None:
    longest = max(each.said for _, told in found for each in told)
    waits = [0.0, SECOND / SHARE, max(longest, SECOND / SHARE)]
    for sign in (1, -1):
        edge = [wait + sign * max(SECOND, SHARE * wait) for wait in waits]
        label = "a second, or 5 %" if sign == 1 else None
        axes.plot(waits, edge, "--", color=PERMITTED, label=label)
    for (name, told), color in zip(found, (OURS, "#4caf82"), strict=True):
        axes.plot([t.said for t in told], [t.came for t in told], ".", color=color, label=name)
    axes.set_xlabel("seconds of waiting that were said at acceptance")
    axes.set_ylabel("seconds until the request came to the provider")
    axes.legend(loc="upper left", frameon=False, fontsize=8)

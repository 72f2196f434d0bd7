"""How long an idle seller waits beside another seller's backlog.

One worker process of 8 threads, two sellers with a quota of (10, 20/s) each at a provider that
keeps it. 100 confirms of one seller, four a second, on an idle system; then the same while 100 000
confirms of the other seller wait (copies of one, behind some that were asked for). The latency is
from the beginning of `delay`, in a process of its own, to the arrival of the request at the
provider, which answers within a millisecond or two.

Celery's queue is first in, first out: what is asked for last waits for all that stands before it.
Where nothing arrives within a minute after the last call, the table says what the wait comes to at
the rate at which the queue moved meanwhile.
"""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.contestants import Call, Contestant, Ours, Peer, Race, Stage, order
from benchmarks.provider import seller_id
from benchmarks.report import OURS, THEIRS, Report

QUOTA = (10.0, 20.0)
BUSY, IDLE = "s000", "s001"
EVERY = 0.25  # seconds
PATIENCE = 60.0  # seconds after the last call
CONTESTANTS = (
    Ours("order-worker, SQLite"),
    Ours("order-worker, PostgreSQL + Redis", "PostgreSQL", "Redis"),
    Peer("Celery, tenacity backoff", "backoff"),
)
HEADERS = ("", "idle system: p50", "p99", "beside the backlog: p50", "p99", "p99, times idle")


@dataclass(frozen=True, slots=True)
class Latencies:
    """In seconds; `moved` is how many jobs of the backlog were done in a second meanwhile."""

    seconds: list[float]
    moved: float

    def at(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def main(*, small: bool) -> None:
    backlog, probes = (2_000, 20) if small else (100_000, 100)
    title = f"An idle seller beside {backlog:,} waiting jobs of another one"
    report = Report("neighbour", title, HEADERS, machine.look())
    found = []
    for contestant in CONTESTANTS:
        with Race(2, QUOTA).begin(contestant) as stage:
            stage.workers()
            idle = _probe(stage, range(probes))
            stage.pile_up(BUSY, backlog)
            beside = _probe(stage, range(probes, 2 * probes))
        found.append((contestant, idle, beside))
        report.add(
            contestant.name, _ms(idle.at(0.5)), _ms(idle.at(0.99)), *_told(idle, beside, backlog)
        )
    report.notes.append("![latencies](neighbour.svg)")
    report.write(lambda axes: _draw(axes, found), keep=not small)


def _probe(stage: Stage, numbers: range) -> Latencies:
    """Ask for the idle seller's confirms of these numbers, and see when they arrive."""
    asks = [order(IDLE, number) for number in numbers]
    at = stage.at
    done, began = at.applied(), time.monotonic()
    calls = dict(zip((number for _, number in asks), stage.ask(asks, EVERY), strict=True))
    give_up_at = time.monotonic() + PATIENCE
    arrived = _arrived(stage, calls)
    while len(arrived) < len(asks) and time.monotonic() < give_up_at:
        time.sleep(1.0)
        arrived = _arrived(stage, calls)
    moved = (at.applied() - done - len(arrived)) / (time.monotonic() - began)
    return Latencies(arrived, moved)


def _arrived(stage: Stage, calls: dict[str, Call]) -> list[float]:
    return [
        arrival.at - calls[arrival.order_id].at
        for arrival in stage.at.arrivals()
        if arrival.applied and arrival.seller == seller_id(IDLE) and arrival.order_id in calls
    ]


def _told(idle: Latencies, beside: Latencies, backlog: int) -> tuple[str, str, str]:
    if beside.seconds:
        times = beside.at(0.99) / idle.at(0.99)
        return _ms(beside.at(0.5)), _ms(beside.at(0.99)), f"{times:.2f}"
    minutes = f"about {backlog / beside.moved / 60:.0f} min" if beside.moved else "no end in sight"
    return f"none in {PATIENCE:.0f} s", minutes, ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _draw(axes: Any, found: list[tuple[Contestant, Latencies, Latencies]]) -> None:
    colors = iter((OURS, "#4caf82", THEIRS))
    for contestant, idle, beside in found:
        color = next(colors)
        for latencies, style, what in ((idle, ":", "idle"), (beside, "-", "beside the backlog")):
            ordered = sorted(latencies.seconds)
            shares = [(number + 1) / len(ordered) for number in range(len(ordered))]
            label = f"{contestant.name}, {what}" + ("" if ordered else ": none arrived")
            milliseconds = [each * 1000 for each in ordered]
            axes.plot(milliseconds, shares, style, color=color, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds from delay to the provider")
    axes.set_ylabel("share of the jobs")
    axes.legend(loc="lower right", frameon=False, fontsize=8)

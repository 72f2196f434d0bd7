"""What `delay` costs its caller, warm: p50 and p99 of 500 calls in a process of its own.

No worker runs. Each call is for another seller, since order-worker publishes only what can run at
once. "Records only": with the in-memory broker a producer has nothing to publish to, and a worker
finds the row. Every job is synced to disk before `delay` returns, so the table also says what a
synced write of 4 KiB costs here (on the disk of the ledger, nothing else to do). Celery's own
`delay` only publishes, with Redis (persistence off) or RabbitMQ as broker, and results where its
documentation has them: in Redis, or by RPC.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import machine
from benchmarks.contestants import Call, Contestant, Ours, Peer, Race, order
from benchmarks.provider import WARM, names
from benchmarks.report import OURS, THEIRS, Report

COLD = 20  # calls that are not counted: imports, connections
CONTESTANTS: tuple[Contestant, ...] = (
    Ours("order-worker: SQLite, records only"),
    Ours("order-worker: SQLite, Redis", "SQLite", "Redis"),
    Ours("order-worker: PostgreSQL, records only", "PostgreSQL"),
    Ours("order-worker: PostgreSQL, Redis", "PostgreSQL", "Redis"),
    Ours("order-worker: PostgreSQL, RabbitMQ", "PostgreSQL", "RabbitMQ"),
    Peer("Celery, Redis", "plain"),
    Peer("Celery, RabbitMQ", "plain", broker="RabbitMQ"),
)
HEADERS = ("", "p50", "p99", "p50, times Celery on Redis")


def main(*, small: bool) -> None:
    calls = 50 if small else 500
    report = Report("delay", "What delay costs its caller", HEADERS, machine.look())
    found = {each.name: sorted(_run(each, calls)) for each in CONTESTANTS}
    peer = _at(found["Celery, Redis"], 0.5)
    for name, seconds in found.items():
        middle = _at(seconds, 0.5)
        report.add(name, _ms(middle), _ms(_at(seconds, 0.99)), f"{middle / peer:.2f}")
    with TemporaryDirectory() as directory:
        synced = sorted(_synced_writes(Path(directory) / "written", calls))
    report.add("(a synced write of 4 KiB)", _ms(_at(synced, 0.5)), _ms(_at(synced, 0.99)), "")
    report.notes.append("![milliseconds of a call](delay.svg)")
    report.write(lambda axes: _draw(axes, found), keep=not small)


def _run(contestant: Contestant, calls: int) -> list[float]:
    """The seconds of each call."""
    with Race(calls).begin(contestant) as stage:
        cold = [(WARM, f"S01-9999999-{number:07}") for number in range(COLD)]
        asked: list[Call] = stage.ask(cold + [order(name, 1) for name in names(calls)])
    return [call.seconds for call in asked[COLD:]]


def _synced_writes(path: Path, times: int) -> list[float]:
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return took


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _draw(axes: Any, found: dict[str, list[float]]) -> None:
    shown = list(found.items())[::-1]
    for place, (name, seconds) in enumerate(shown):
        color = OURS if name.startswith("order-worker") else THEIRS
        ends = [_at(seconds, 0.5) * 1000, _at(seconds, 0.99) * 1000]
        axes.plot(ends, [place, place], color=color, marker="|", markersize=12, linewidth=3)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds, from p50 to p99")

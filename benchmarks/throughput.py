"""Confirms a second where no quota is in the way, memory, and CPU when there is nothing to do.

3 000 confirms of 100 sellers are asked for; then a worker is started, with its logs at WARNING.
Its rate is the one at which requests arrive at the provider, from the first to the last: starting
and importing do not count. order-worker reads no details after a confirm
(`lookup_after_confirm = false`), since the others do not either. Several runs of each in turn, and
the best of them, since what else runs on a machine only ever slows.

Plain Celery: Redis, results, late acknowledgement, tenacity and one pooled session of requests, in
each of its pools; the ratio is to the best of them. Memory is the most that any one process of the
worker held (the pool's children are processes), CPU that of all of them over ten idle seconds.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.contestants import Contestant, Ours, Peer, Race, order
from benchmarks.processes import wait_for
from benchmarks.provider import names
from benchmarks.report import OURS, THEIRS, Report

SELLERS = 100
ROUNDS = 2
IDLE = 10.0  # seconds
CONTESTANTS: Sequence[Contestant] = (
    Ours("order-worker: SQLite, in memory"),
    Ours("order-worker: PostgreSQL + RabbitMQ", "PostgreSQL", "RabbitMQ"),
    Ours("order-worker: PostgreSQL + Redis", "PostgreSQL", "Redis"),
    Ours("order-worker: PostgreSQL + Redis, prefork", "PostgreSQL", "Redis", "prefork", 4),
    Peer("Celery + Redis, prefork", "plain", "prefork", 4),
    Peer("Celery + Redis, threads", "plain", "threads"),
    Peer("Celery + Redis, gevent", "plain", "gevent", 50),
)
HEADERS = ("", "confirms/s", "times Celery's best", "peak memory of a process", "CPU when idle")


@dataclass(frozen=True, slots=True)
class Run:
    rate: float  # confirms a second
    memory: float  # MiB
    idle: float  # share of one CPU


def main(*, small: bool) -> None:
    each, rounds = (3, 1) if small else (30, ROUNDS)
    title = f"{each * SELLERS:,} confirms of {SELLERS} sellers, no quota in the way"
    report = Report("throughput", title, HEADERS, machine.look())
    runs: dict[str, list[Run]] = {}
    for _ in range(rounds):
        for contestant in CONTESTANTS:
            found = _run(contestant, each)
            runs.setdefault(contestant.name, []).append(found)
            print(f"{contestant.name}: {found}", flush=True)
    best = {name: max(found, key=lambda run: run.rate) for name, found in runs.items()}
    peer = max(best[contestant.name].rate for contestant in CONTESTANTS if not contestant.is_ours)
    for name, run in best.items():
        cells = (f"{run.rate:.0f}", f"{run.rate / peer:.2f}", f"{run.memory:.0f} MiB")
        report.add(name, *cells, f"{min(each.idle for each in runs[name]):.1%}")
    report.notes.append(f"The best of {rounds}. ![confirms a second](throughput.svg)")
    report.write(lambda axes: _draw(axes, best), keep=not small)


def _run(contestant: Contestant, each: int) -> Run:
    wanted = each * SELLERS
    with Race(SELLERS, concurrency=16).begin(contestant) as stage:
        stage.record([order(name, number) for number in range(each) for name in names(SELLERS)])
        worker = stage.worker("--loglevel", "WARNING")
        wait_for(lambda: stage.at.applied() >= wanted, f"{wanted} confirms of {contestant.name}")
        arrivals = stage.at.arrivals()
        time.sleep(3.0)  # what follows the last answer
        pids = [worker.pid, *machine.children(worker.pid)]
        before = sum(map(machine.cpu_seconds, pids))
        time.sleep(IDLE)
        idle = (sum(map(machine.cpu_seconds, pids)) - before) / IDLE
        memory = max(map(machine.peak_memory, pids))
    return Run((len(arrivals) - 1) / (arrivals[-1].at - arrivals[0].at), memory, idle)


def _draw(axes: Any, best: dict[str, Run]) -> None:
    shown = list(best.items())[::-1]
    colors = [OURS if name.startswith("order-worker") else THEIRS for name, _ in shown]
    bars = axes.barh([name for name, _ in shown], [run.rate for _, run in shown], color=colors)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xlabel("confirms a second")

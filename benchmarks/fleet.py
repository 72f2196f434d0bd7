"""How much of a quota fleets of 1 to 16 workers use, over a bad network, and while they restart.

As `utilisation`, for order-worker alone: one seller with (10, 20/s), 210 confirms recorded at
once, workers of 8 threads that are up and warm; after each first burst a token comes every 50 ms.
The share is the permitted line's time over the one that was taken, by the provider's own log. A
confirm is late by the seconds between its token on that line and its arrival. The least of all is
what the first burst has cost (no token is counted on before the first calls are answered); what the
median and the 99th percentile have beyond it is the time from a token to its call.

Network: each byte is held up for 20 ms each way, and every 2.5 s all connections stand still for
0.3 s. (While nothing arrives, the provider's own bucket fills in half a second, and then runs over:
what a longer stall takes away nobody can use.) Restarts: one worker after the other is told to
end, and another one started.
"""

import functools
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks import machine
from benchmarks.contestants import Ours, Race, Stage, order
from benchmarks.line import late, use
from benchmarks.provider import Arrival, Provider, names, provider
from benchmarks.report import Report
from benchmarks.saturation import until_still
from benchmarks.utilisation import QUOTA
from tests.proxies import Proxy

DELAY = 0.02  # seconds, each way
STALL, BETWEEN = 0.3, 2.5  # seconds
RESTARTS = 2.0  # seconds between two
HEADERS = (
    "",
    "share of the permitted rate",
    "late: least",
    "late: median",
    "late: 99 %",
    "throttles per success",
    "lost orders",
)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    contestant: Ours
    workers: int
    has_bad_network: bool = False
    is_restarted: bool = False


SQLITE = Ours("SQLite")
SERVERS = Ours("PostgreSQL + Redis", "PostgreSQL", "Redis")
CASES = (
    Case("1 worker, SQLite", SQLITE, 1),
    Case("4 workers, SQLite", SQLITE, 4),
    Case("1 worker, PostgreSQL + Redis", SERVERS, 1),
    Case("4 workers, PostgreSQL + Redis", SERVERS, 4),
    Case("16 workers, PostgreSQL + Redis", SERVERS, 16),
    Case("3 workers, SQLite, bad network", SQLITE, 3, has_bad_network=True),
    Case("3 workers, PostgreSQL + Redis, bad network", SERVERS, 3, has_bad_network=True),
    Case("3 workers, SQLite, restarted in turn", SQLITE, 3, is_restarted=True),
    Case("3 workers, PostgreSQL + Redis, restarted in turn", SERVERS, 3, is_restarted=True),
)


def main(*, small: bool) -> None:
    each = 60 if small else 210
    title = f"One seller, (10, 20/s), {each} confirms, fleets of all sizes"
    report = Report("fleet", title, HEADERS, machine.look())
    curves: dict[str, list[float]] = {}
    for case in CASES[:2] if small else CASES:
        arrivals = _run(case, each)
        found = use(arrivals, QUOTA, each, sellers=1)
        waited = sorted(late([a.at for a in arrivals if a.applied], QUOTA))
        report.add(
            case.name,
            f"{found.share:.1%}",
            f"{waited[0] * 1000:.0f} ms",
            f"{median(waited) * 1000:.0f} ms",
            f"{waited[int(0.99 * len(waited))] * 1000:.0f} ms",
            f"{found.throttles_per_success:.2f}",
            str(found.lost),
        )
        curves[case.name] = [seconds * 1000 for seconds in waited]
    report.notes.append("![how late confirms were](fleet.svg)")
    report.write(lambda axes: _draw(axes, curves), keep=not small)


def _run(case: Case, each: int) -> list[Arrival]:
    race = Race(quota=QUOTA, workers=case.workers)
    with ExitStack() as stack:
        at = stack.enter_context(provider(race.sellers, QUOTA))
        reached = at
        network = None
        if case.has_bad_network:
            port = urlsplit(at.url).port
            network = stack.enter_context(Proxy(port or 80, DELAY))
            reached = Provider(f"http://127.0.0.1:{network.port}")
        stage = stack.enter_context(case.contestant.on_stage(race, reached))
        started = stage.workers()
        stage.record([order(seller, number) for number in range(each) for seller in names(1)])
        if network is not None:
            stack.enter_context(_again_and_again(BETWEEN, functools.partial(_stall, network)))
        if case.is_restarted:
            restart = functools.partial(_restart, stage, started)
            stack.enter_context(_again_and_again(RESTARTS, restart))
        return until_still(at, each)


@contextmanager
def _again_and_again(seconds: float, work: Callable[[], None]) -> Iterator[None]:
    """Do it every so many seconds beside the block."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _stall(network: Proxy) -> None:
    network.freeze()
    time.sleep(STALL)
    network.thaw()


def _restart(stage: Stage, started: "list[subprocess.Popen[bytes]]") -> None:
    """The oldest is told to end, as a supervisor does, and a new one started at once."""
    started.pop(0).send_signal(signal.SIGTERM)
    started.append(stage.worker())


def _draw(axes: Any, curves: dict[str, list[float]]) -> None:
    for name, milliseconds in curves.items():
        shares = [(number + 1) / len(milliseconds) for number in range(len(milliseconds))]
        axes.step(milliseconds, shares, where="post", label=name)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds after its token")
    axes.set_ylabel("share of the confirms that waited")
    axes.legend(loc="lower right", frameon=False, fontsize=8)

"""How many jobs a second are accepted over HTTP, one a request and a hundred a request.

Four clients, each with one connection that is kept, ask for confirms of orders that nobody has
named before, for ten seconds; a second before that does not count. Nobody works on them. Ours is
`order-worker web` on SQLite and on PostgreSQL, with the in-memory broker (nothing is published: a
worker finds the row): when it answers, each job is synced to disk, has its history, and the answer
tells all of it. Plain Celery is behind the same FastAPI and uvicorn, with Redis (persistence off),
and answers an id; what it has accepted is in Redis' memory.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from benchmarks import machine
from benchmarks.processes import Processes, wait_for
from benchmarks.report import OURS, THEIRS, Report
from benchmarks.websites import website
from tests.servers import OwnRedis, free_port, running

CLIENTS = 4
SIZES = (1, 100)  # jobs of a request
WARM = 1.0  # seconds
SELLER = "s000"
PEER = "Celery + Redis, the same framework"
HEADERS = ("", "one a request", "times Celery's", "a hundred a request", "times Celery's")


def main(*, small: bool) -> None:
    seconds = 2.0 if small else 10.0
    report = Report("intake", "Jobs accepted a second over HTTP", HEADERS, machine.look())
    found: dict[str, list[float]] = {}
    for name, opened in {
        "order-worker: SQLite": _ours("SQLite"),
        "order-worker: PostgreSQL": _ours("PostgreSQL"),
        PEER: _peer(),
    }.items():
        with opened as (url, headers):
            found[name] = [_rate(url, headers, size, seconds) for size in SIZES]
            print(f"{name}: {found[name]}", flush=True)
    for name, rates in found.items():
        beside = zip(rates, found[PEER], strict=True)
        cells = [(f"{ours:.0f}", f"{ours / theirs:.2f}") for ours, theirs in beside]
        report.add(name, *cells[0], *cells[1])
    report.notes.append("![jobs a second](intake.svg)")
    report.write(lambda axes: _draw(axes, found), keep=not small)


@contextmanager
def _ours(database: str) -> Iterator[tuple[str, dict[str, str]]]:
    with website(database, [SELLER]) as site:
        url, session = site.start()
        yield url, {"Authorization": str(session.headers["Authorization"])}


@contextmanager
def _peer() -> Iterator[tuple[str, dict[str, str]]]:
    with (
        running(OwnRedis) as broker,
        TemporaryDirectory() as folder,
        Processes(Path(folder)) as processes,
    ):
        port = free_port()
        module = ("--factory", "benchmarks.peers.website:application")
        quiet = ("--port", str(port), "--no-access-log")
        processes.start("-m", "uvicorn", *module, *quiet, BENCHMARK_BROKER=broker.url)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(url), "the peer", 60)
        yield url, {}


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/openapi.json", timeout=1).ok
    except requests.ConnectionError:
        return False


def _rate(url: str, headers: dict[str, str], size: int, seconds: float) -> float:
    """Jobs a second that all clients together have got an answer for."""
    counts = [0] * CLIENTS
    begins = time.monotonic() + WARM
    threads = [
        threading.Thread(target=_ask, args=(url, headers, size, number, begins, seconds, counts))
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) * size / seconds


def _ask(
    url: str,
    headers: dict[str, str],
    size: int,
    client: int,
    begins: float,
    seconds: float,
    counts: list[int],
) -> None:
    session = requests.Session()
    session.trust_env = False
    session.headers.update({**headers, "Content-Type": "application/json"})
    number = 0
    while (now := time.monotonic()) < begins + seconds:
        listed = [
            {
                "task": "confirm",
                "seller": SELLER,
                "order_id": f"S01-{size:03}{client:04}-{number + each:07}",
            }
            for each in range(size)
        ]
        number += size
        body = json.dumps(listed[0] if size == 1 else listed)
        session.post(f"{url}/v1/jobs", data=body, timeout=60).raise_for_status()
        counts[client] += now >= begins
    session.close()


def _draw(axes: Any, found: dict[str, list[float]]) -> None:
    names = [f"{name}, {size} a request" for name in found for size in SIZES][::-1]
    rates = [rate for each in found.values() for rate in each][::-1]
    colors = [OURS if name.startswith("order-worker") else THEIRS for name in names]
    bars = axes.barh(names, rates, color=colors)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("jobs accepted a second")

"""How long a page takes, and a question over HTTP, in a ledger of a million jobs.

A week's ledger (`archive`) of twenty sellers, served by `order-worker web` in a process of its own,
on SQLite and on PostgreSQL. Each page is asked for by one client over one connection, 30 times
after 3 that are not counted, from the first byte that is sent to the last that has come; the
median, and the slowest but one of twenty. The aim is 100 ms for each. What the overview has added
up of the past is kept in the process' memory, and read once when it starts: the last row says how
long that takes, while pages are answered.
"""

import re
import time
from collections.abc import Callable
from typing import Any

import requests
from sqlalchemy import func, select

from benchmarks import archive, machine
from benchmarks.processes import wait_for
from benchmarks.provider import names
from benchmarks.report import OURS, PERMITTED, Report
from benchmarks.websites import DATABASES, website
from worker.bootstrap import Runtime
from worker.ledger.schema import jobs

SELLERS = 20
WARM = 3
AIM = 100.0  # milliseconds
SEEN = re.compile("still reading the past")

Found = dict[str, list[float]]  # milliseconds of each page


def main(*, small: bool) -> None:
    number, times = (20_000, 10) if small else (1_000_000, 30)
    headers = ("", *(f"{name}: {what}" for name in DATABASES for what in ("p50", "p95")))
    report = Report("pages", f"Pages of a ledger of {number:,} jobs", headers, machine.look())
    found = {name: _measure(name, number, times) for name in DATABASES}
    first, *_ = found.values()
    for page in first:
        cells = [
            f"{_at(each[page], share):.0f} ms" for each in found.values() for share in (0.5, 0.95)
        ]
        report.add(f"`{page}`" if page.startswith("/") else page, *cells)
    report.notes.append("![milliseconds of each page](pages.svg)")
    report.write(lambda axes: _draw(axes, found), keep=not small)


def _measure(database: str, number: int, times: int) -> Found:
    with website(database, names(SELLERS)) as site:
        archive.fill(site.now, number)
        print(f"{database}: {number:,} jobs are there", flush=True)
        url, session = site.start()
        began = time.perf_counter()
        wait_for(lambda: not SEEN.search(session.get(f"{url}/?range=week").text), "the past")
        read = (time.perf_counter() - began) * 1000
        found: Found = {}
        for name, ask in _asks(site.now, url, session).items():
            found[name] = sorted([_once(ask) for _ in range(WARM + times)][WARM:])
            print(f"{database}, {name}: {_at(found[name], 0.5):.1f} ms", flush=True)
        found["(the past, read once)"] = [read]
        return found


def _once(ask: Callable[[], requests.Response]) -> float:
    began = time.perf_counter()
    answer = ask()
    took = (time.perf_counter() - began) * 1000
    if not answer.ok:
        raise RuntimeError(f"{answer.url}: {answer.status_code}\n{answer.text[:500]}")
    return took


def _asks(
    now: Runtime, url: str, session: requests.Session
) -> dict[str, Callable[[], requests.Response]]:
    """Each page by its path, and the questions of programs."""
    with now.ledger.database.read() as connection:
        half = int(connection.execute(select(func.max(jobs.c.seq))).scalar_one()) // 2
        old = select(jobs.c.id, jobs.c.order_id, jobs.c.seller).where(jobs.c.seq > half)
        old = old.where(jobs.c.state == "succeeded").order_by(jobs.c.seq).limit(1)
        job, order, seller = connection.execute(old).one()
    lists = {
        "all": "",
        "waiting": "state=waiting",
        "succeeded": "state=succeeded",
        "in doubt": "state=in_doubt",
        "of a seller": "seller=s003",
        "failed of a seller": "seller=s003&state=failed",
        "of a rare task": "task=cancel",
        "rare task, one state": "task=cancel&state=succeeded",
        "rare task, one seller": "task=cancel&seller=s003",
        "by what they wait for": "waiting_for=turn",
        "for what none waits": "waiting_for=buyer",
        "of three days ago": "since=4d&until=3d",
        "of an order": f"order_id={order}",
        "of no order": "order_id=S01-0000000-0000000",
        "need a person": "needs_attention=true",
        "far back": f"before={job}",
        "failed, far back": f"state=failed&before={job}",
    }
    paths = {path: path for path in ("/", "/?range=day", "/?range=week", "/quotas")}
    paths |= {f"/jobs: {name}": f"/jobs?{query}" for name, query in lists.items()}
    paths |= {"/jobs/{id}": f"/jobs/{job}", "/orders/{seller}/{id}": f"/orders/{seller}/{order}"}
    paths |= {
        "/v1/jobs": "/v1/jobs",
        "/v1/jobs: 200 of them": "/v1/jobs?limit=200",
        "/v1/jobs/{id}": f"/v1/jobs/{job}",
        "/v1/orders/{seller}/{id}": f"/v1/orders/{seller}/{order}",
        "/metrics": "/metrics",
        "/readyz": "/readyz",
    }

    def asking(path: str) -> Callable[[], requests.Response]:
        return lambda: session.get(f"{url}{path}")

    return {name: asking(path) for name, path in paths.items()}


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _draw(axes: Any, found: dict[str, Found]) -> None:
    pages = [page for page in next(iter(found.values())) if page.startswith("/")][::-1]
    for (name, each), color, shift in zip(
        found.items(), (OURS, "#3b4a6b"), (0.2, -0.2), strict=True
    ):
        places = [place + shift for place in range(len(pages))]
        axes.barh(places, [_at(each[page], 0.5) for page in pages], 0.4, color=color, label=name)
    axes.set_yticks(range(len(pages)), pages, fontsize=6)
    axes.axvline(AIM, color=PERMITTED, linewidth=1)
    axes.set_xlabel("milliseconds, median")
    axes.legend(frameon=False, fontsize=8)

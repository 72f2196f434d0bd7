"""Claim, settle and dispatch beside 1 000, 100 000 and 1 000 000 waiting jobs.

Three ledgers of one database that differ only in how many ready jobs of one seller wait behind
those that are worked on; warm, and the three in turn, so that what else runs on the machine meets
them alike. Up to 300 jobs, as many as two minutes allow, are claimed and settled, one after the
other, from this process: two transactions, the same rows in each ledger. A dispatch chooses and
marks one job. The medians, and the last column, which is that of a million over that of a
thousand. The waiting jobs are copies of one row, written by the database itself, which then has
looked at its tables once (ANALYZE, with VACUUM on PostgreSQL, as its autovacuum does of its own
accord).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text

from benchmarks import machine
from benchmarks.pile import copy_job
from benchmarks.report import OURS, Report
from tests.servers import OwnPostgreSQL, running
from worker.domain.bucket import BucketSpec
from worker.domain.decisions import Circumstances, decide
from worker.domain.jobs import Policy, Request, Step, Task
from worker.domain.outcomes import Answer, Outcome
from worker.ledger import acceptance, claims, rounds, routing, settlements, upgrade
from worker.ledger.acceptance import Terms
from worker.ledger.database import Database
from worker.ledger.holds import Claim
from worker.ledger.ledger import Ledger

SELLER, OPERATION = "s000", "ConfirmOrderReference"
PLENTY = BucketSpec(f"{SELLER}|{OPERATION}", SELLER, OPERATION, 100_000.0, 100_000.0, "assumed")
APPLIED = Answer(Outcome.APPLIED, status=200)
VERBS = ("claim", "settle", "dispatch")
WARM = 10  # of each that are not counted
LONGEST = 120.0  # seconds for one database
Work = Callable[[int], dict[str, float]]


class OneSeller:
    """The routes of one seller, which has plenty."""

    def bucket(self, _request: Request, _step: Step) -> BucketSpec:
        return PLENTY

    def of_seller(self, _seller: str) -> list[BucketSpec]:
        return [PLENTY]

    def all(self) -> list[BucketSpec]:
        return [PLENTY]

    def sellers(self) -> tuple[str, ...]:
        return (SELLER,)

    def state_after(self, _request: Request) -> str:
        return "Open"

    def can_look_up(self, _request: Request) -> bool:
        return True

    def lifetime(self, _request: Request) -> float | None:
        return None


def main(*, small: bool) -> None:
    sizes = (1_000, 10_000) if small else (1_000, 100_000, 1_000_000)
    times = 50 if small else 300
    headers = ("", *(f"{size:,} waiting" for size in sizes), "last over first")
    title = "Claim, settle and dispatch beside waiting jobs"
    report = Report("waiting", title, headers, machine.look())
    found: dict[str, list[float]] = {}
    for name, open_databases in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with open_databases(len(sizes)) as databases:
            works = [
                _prepare(database, size, times + WARM)
                for database, size in zip(databases, sizes, strict=True)
            ]
            medians = _in_turn(works, times)
        for verb in VERBS:
            milliseconds = [each[verb] * 1000 for each in medians]
            found[f"{name}, {verb}"] = milliseconds
            cells = [f"{each:.2f} ms" for each in milliseconds]
            report.add(f"{name}, {verb}", *cells, f"{milliseconds[-1] / milliseconds[0]:.2f}")
    report.notes.append("![milliseconds of each](waiting.svg)")
    report.write(lambda axes: _draw(axes, found, sizes), keep=not small)


@contextmanager
def _sqlite(count: int) -> Iterator[list[Database]]:
    with TemporaryDirectory() as directory:
        yield [Database(f"sqlite:///{Path(directory) / f'{number}.db'}") for number in range(count)]


@contextmanager
def _postgresql(count: int) -> Iterator[list[Database]]:
    with ExitStack() as stack:
        server = stack.enter_context(running(OwnPostgreSQL))
        urls = []
        with server.connect() as connection:
            for number in range(count):
                connection.execute(f"CREATE DATABASE waiting{number}".encode())
                urls.append(f"{server.url.rpartition('/')[0]}/waiting{number}")
        databases = [Database(url) for url in urls]
        yield databases
        for database in databases:
            database.engine.dispose()


def _prepare(database: Database, size: int, first: int) -> Work:
    """Fill a ledger; `first` jobs stand at the head of the queue, to be worked on."""
    ledger = Ledger(database, OneSeller(), replace(Policy(), lookup_after_confirm=False))
    upgrade.upgrade(database)
    routing.prepare(ledger)
    ids = [_accept(ledger, number) for number in range(2 * first)]
    copy_job(database, ids[-1], size)
    with database.engine.connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))
    return lambda turn: _work(ledger, ids[turn])


def _accept(ledger: Ledger, number: int) -> str:
    request = Request(Task.CONFIRM, SELLER, f"S01-0000000-{number:07}")
    terms = Terms(f"job-{number}", "benchmark", may_publish=False)
    return acceptance.accept(ledger, request, terms).job_id


def _work(ledger: Ledger, job_id: str) -> dict[str, float]:
    """Claim and settle the first job, dispatch the next; the seconds of each."""
    began = time.perf_counter()
    held = claims.claim(ledger, job_id, "worker")
    claimed = time.perf_counter()
    if not isinstance(held, Claim):
        raise TypeError(f"{job_id} was not claimed: {held}")
    at = Circumstances(now=held.turn.at, can_look_up=True)
    decision = decide(held.job, APPLIED, at, ledger.policy)
    decided = time.perf_counter()
    settlements.settle(ledger, held, APPLIED, decision)
    settled = time.perf_counter()
    chosen = rounds.dispatch(ledger, "worker", 1, (), 1.0)
    dispatched = time.perf_counter()
    rounds.unmark(ledger, [message.id for message in chosen.messages])
    return {
        "claim": claimed - began,
        "settle": settled - decided,
        "dispatch": dispatched - settled,
    }


def _in_turn(works: list[Work], times: int) -> list[dict[str, float]]:
    """The median seconds of each verb in each ledger."""
    taken: list[list[dict[str, float]]] = [[] for _ in works]
    give_up_at = time.monotonic() + LONGEST
    for turn in range(WARM + times):
        if turn > 2 * WARM and time.monotonic() > give_up_at:
            break
        for seconds, work in zip(taken, works, strict=True):
            seconds.append(work(turn))
    return [
        {verb: statistics.median(each[verb] for each in seconds[WARM:]) for verb in VERBS}
        for seconds in taken
    ]


def _draw(axes: Any, found: dict[str, list[float]], sizes: tuple[int, ...]) -> None:
    markers = dict(zip(VERBS, "osv", strict=True))
    for name, milliseconds in found.items():
        database, _, verb = name.partition(", ")
        color = OURS if database == "SQLite" else "#3b4a6b"
        axes.plot(sizes, milliseconds, marker=markers[verb], color=color, label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("waiting jobs")
    axes.set_ylabel("milliseconds, median")
    axes.legend(frameon=False, fontsize=8)

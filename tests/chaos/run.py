"""One run: three workers, a ledger on PostgreSQL, and something that goes wrong all the time.

The fleet is one that moves from one broker to another: half of its workers and producers are on
RabbitMQ, the others on Redis. The ledger is the truth, and does not mind.
"""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text

from tests.acceptance.processes import Shop, opened
from tests.chaos import judgement, plan
from tests.chaos.crew import Crew
from tests.chaos.disturbances import DISTURBANCES, Surroundings, sequence
from tests.chaos.judgement import Report
from tests.chaos.plan import Plan
from tests.servers import OwnPostgreSQL, OwnRabbitMQ, OwnRedis, running
from worker.bootstrap import Runtime
from worker.errors import LedgerUnavailable
from worker.ledger.schema import PARKED, RUNNING, attempts, jobs, transitions
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox

REPOSITORY = Path(__file__).parents[2]
LONGEST = 900.0  # seconds until what is not final is lost
POOLS = ("threads", "prefork")  # one worker after the other


def play(wanted: Plan, directory: Path) -> Report:
    """Play a run to its end."""
    report = Report(wanted.seed)
    asks = list(wanted.asks())
    chance = random.Random(wanted.seed)
    with ExitStack() as stack:
        sandbox = stack.enter_context(_provider(wanted, asks))
        database = stack.enter_context(running(OwnPostgreSQL))
        redis = stack.enter_context(running(OwnRedis))
        rabbitmq = stack.enter_context(running(OwnRabbitMQ))
        brokers = (rabbitmq.url, redis.url)
        shop = stack.enter_context(opened(directory, sandbox.url))
        _configure(shop, wanted, sandbox.url, database.url)
        migrated = shop.order_worker("migrate")
        assert migrated.returncode == 0, migrated.stderr
        runtime = shop.ledger()
        crew = Crew(wanted.workers, lambda number: _start_worker(shop, number, brokers))
        around = Surroundings(crew, partial(_holds, runtime), database, redis, rabbitmq, chance)
        began = time.monotonic()
        producers = _start_producers(shop, wanted, asks, brokers)
        names = sequence(chance)
        while not _is_over(producers, runtime) and time.monotonic() - began < LONGEST:
            next_at = time.monotonic() + wanted.every
            name = next(names)
            DISTURBANCES[name](around)
            report.disturbances[name] += 1
            time.sleep(max(0.0, next_at - time.monotonic()))
        report.duration = time.monotonic() - began
        report.stayed = crew.leave()
        report.exits = crew.ended
        _judge(report, shop, runtime, sandbox, asks)
    return report


@contextmanager
def _provider(wanted: Plan, asks: list[dict[str, Any]]) -> Iterator[Sandbox]:
    """Both providers, with the documented quotas, the faults, and the orders that must be open."""
    key, secret = plan.SECRETS["CHAOS_ACCESS_KEY"], plan.SECRETS["CHAOS_SECRET_KEY"]
    accounts = [
        AmazonPayAccount(seller["seller_id"], key, secret)
        if seller["provider"] == "amazon_pay"
        else SellerCenterAccount(seller["user_id"], plan.SECRETS["CHAOS_API_KEY"])
        for seller in wanted.names().values()
    ]
    faults = [{"times": None, **fault} for fault in plan.FAULTS]
    with Sandbox(accounts, faults=faults, seed=wanted.seed) as sandbox:
        confirmed = {ask["order_id"] for ask in asks if ask["task"] == "confirm"}
        for ask in asks:
            if "parent_order_id" in ask:
                sandbox.stage(ask["order_id"], parent=ask["parent_order_id"])
            elif ask["order_id"] not in confirmed:
                sandbox.stage(ask["order_id"], state="Open")
        yield sandbox


def _configure(shop: Shop, wanted: Plan, endpoint: str, ledger: str) -> None:
    shop.environ |= plan.SECRETS | {"PYTHONPATH": str(REPOSITORY)}
    shop.configuration(
        ledger__url=ledger,
        worker__lease=f"{plan.LEASE}s",
        worker__call_timeout=f"{plan.CALL_TIMEOUT}s",
        worker__doubt_wait=f"{plan.DOUBT_WAIT}s",
        worker__concurrency=8,
        sellers={name: {**seller, "endpoint": endpoint} for name, seller in wanted.names().items()},
    )


def _start_worker(shop: Shop, number: int, brokers: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    broker = brokers[number % len(brokers)]
    return shop.start_worker(
        "-P",
        POOLS[number % len(POOLS)],
        "-n",
        f"worker{number}@%h",
        "--without-mingle",
        "--without-gossip",
        celery=True,
        ORDER_WORKER_BROKER__URL=broker,
    )


def _start_producers(
    shop: Shop, wanted: Plan, asks: list[dict[str, Any]], brokers: tuple[str, ...]
) -> "list[subprocess.Popen[bytes]]":
    """One per broker; the jobs of one order are asked for by one of them, one after the other."""
    parts: dict[str, list[dict[str, Any]]] = {broker: [] for broker in brokers}
    turn, of_order = cycle(brokers), {}
    for ask in asks:
        parts[of_order.setdefault(ask["order_id"], next(turn))].append(ask)
    started = []
    for number, (broker, part) in enumerate(parts.items()):
        asked = shop.directory / f"asks-{number}.jsonl"
        asked.write_text("".join(json.dumps(ask) + "\n" for ask in part), encoding="utf-8")
        answers = shop.directory / f"answers-{number}.jsonl"
        pause = str(wanted.spread / max(1, len(part)))
        words = ("tests.chaos.asking", str(asked), str(answers), pause)
        started.append(shop.start(*words, ORDER_WORKER_BROKER__URL=broker))
    return started


def _is_over(producers: "list[subprocess.Popen[bytes]]", runtime: Runtime) -> bool:
    """Whether everything has been asked for, and is final."""
    codes = [producer.poll() for producer in producers]
    assert not any(codes), f"a producer ended with {codes}"
    if None in codes:
        return False
    return _count(runtime, or_(text(RUNNING), text(PARKED))) == 0


def _holds(runtime: Runtime, pid: int) -> bool:
    """Whether a worker, or a child of its pool, has a job: its process stands in its name.

    A job that has lost a worker already is left in peace: after five it would be given up.
    """
    in_it = jobs.c.worker.contains(f":{pid}:")
    return bool(_count(runtime, and_(text(RUNNING), in_it, jobs.c.lost_leases == 0)))


def _count(runtime: Runtime, which: ColumnElement[bool]) -> int | None:
    """How many jobs are so; None while the ledger is away."""
    try:
        with runtime.ledger.database.read() as connection:
            counted = select(func.count()).select_from(jobs).where(which)
            return int(connection.execute(counted).scalar_one())
    except LedgerUnavailable:
        return None


def _judge(
    report: Report, shop: Shop, runtime: Runtime, sandbox: Sandbox, asks: list[dict[str, Any]]
) -> None:
    by_producer = [
        [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
        for answers in sorted(shop.directory.glob("answers-*.jsonl"))
    ]
    accepted = [each for answers in by_producer for each in answers]
    assert len(accepted) == len(asks)
    report.refused = sum(each["refused"] for each in accepted)
    warm = [each["seconds"] for answers in by_producer for each in answers[1:]]
    report.slowest_delay = max(warm, default=0.0)
    with runtime.ledger.database.read() as connection:
        rows = connection.execute(select(jobs)).all()
        sent = connection.execute(select(attempts).order_by(attempts.c.id)).all()
        steps = connection.execute(select(transitions).order_by(transitions.c.id)).all()
    judgement.judge_ledger(report, [each["id"] for each in accepted], rows)
    judgement.judge_recovery(report, sent, steps)
    parents = {ask["order_id"]: ask["parent_order_id"] for ask in asks if "parent_order_id" in ask}
    judgement.judge_provider(report, sandbox.requests(), sandbox.orders(), parents)
    judgement.judge_truth(report, rows, sandbox.orders())
    verified = shop.order_worker("verify", "--json")
    if verified.returncode:
        report.findings = [verified.stdout or verified.stderr]

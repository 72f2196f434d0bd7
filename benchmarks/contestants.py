"""Who is measured: order-worker with its ledgers and brokers, and the peers."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pile import copy_newest_job, copy_newest_message
from benchmarks.processes import Processes, wait_for
from benchmarks.provider import (
    ACCESS_KEY,
    LOOKUP,
    PLENTY,
    SECRET_KEY,
    WARM,
    WRITE,
    Provider,
    Quota,
    configured,
    names,
    provider,
)
from tests.servers import OwnPostgreSQL, OwnRabbitMQ, OwnRedis, running

BROKERS = {"Redis": OwnRedis, "RabbitMQ": OwnRabbitMQ}
Ask = tuple[str, str]  # seller, order


@dataclass(frozen=True, slots=True)
class Race:
    """What all contestants of one benchmark are given, each with a provider of its own."""

    sellers: int = 1
    quota: Quota = PLENTY
    workers: int = 1
    concurrency: int = 8  # of each worker

    @contextmanager
    def begin(self, contestant: "Contestant") -> Iterator["Stage"]:
        """One contestant's turn."""
        with (
            provider(self.sellers, self.quota) as at,
            contestant.on_stage(self, at) as stage,
        ):
            yield stage


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `delay`: when it began, in epoch seconds, and how many seconds it took."""

    at: float
    seconds: float


@dataclass(slots=True)
class Stage:
    """A contestant in a folder of its own, with servers of its own, empty.

    `environ` is that of its processes, `module` the one that has its `confirm`.
    """

    processes: Processes
    race: Race
    at: Provider
    module: str
    command: tuple[str, ...]
    environ: dict[str, str]
    queue: str  # the URL of where jobs wait: our ledger, the peer's broker
    asked: int = 0

    def worker(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start one more worker process."""
        size = ("--concurrency", str(self.race.concurrency))
        return self.processes.start(*self.command, *size, *words, **self.environ)

    def workers(self, *words: str) -> "list[subprocess.Popen[bytes]]":
        """All of them, ready, and with some requests behind them."""
        started = [self.worker(*words) for _ in range(self.race.workers)]
        wait_for(lambda: all(map(self.processes.is_ready, started)), "a worker", 60)
        warming = 2 * self.race.workers * self.race.concurrency
        self.ask([(WARM, f"S01-9999999-{number:07}") for number in range(warming)])
        wait_for(lambda: self.at.applied(warm=True) == warming, "warming up", 120)
        return started

    def ask(self, asks: Sequence[Ask], pause: float = 0.0) -> list[Call]:
        """Ask for jobs from a process of its own, with `pause` seconds between two."""
        self.asked += 1
        file = self.processes.directory / f"asks-{self.asked}"
        times = file.with_suffix(".times")
        file.write_text("".join(f"{seller} {order}\n" for seller, order in asks), encoding="utf-8")
        words = ("-m", "benchmarks.asking", self.module, str(file), str(times), str(pause))
        self.processes.run(*words, **self.environ)
        lines = times.read_text(encoding="ascii").splitlines()
        return [Call(*map(float, line.split())) for line in lines]

    def record(self, asks: Sequence[Ask]) -> None:
        """Ask for many jobs, the quickest way that there is."""
        if self.module != "worker":
            self.ask(asks)
            return
        file = self.processes.directory / "recorded.csv"
        lines = ["task,seller,order_id", *(f"confirm,{seller},{order}" for seller, order in asks)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.processes.run("-m", "worker", "enqueue", str(file), **self.environ)

    def pile_up(self, seller: str, number: int) -> None:
        """A backlog of a seller, whose quota lets less than 300 requests through meanwhile."""
        self.record([order(seller, 900_000 + each) for each in range(300)])
        if self.module == "worker":
            copy_newest_job(self.queue, number)
        else:
            copy_newest_message(self.queue, self.module.rpartition(".")[2], number)


@dataclass(frozen=True, slots=True)
class Ours:
    """order-worker; without a broker's name, the one in memory."""

    name: str
    ledger: str = "SQLite"
    broker: str | None = None
    pool: str = "threads"
    concurrency: int | None = None  # instead of the race's

    is_ours = True

    @contextmanager
    def on_stage(self, race: Race, at: Provider) -> Iterator[Stage]:
        with ExitStack() as stack:
            directory = Path(stack.enter_context(TemporaryDirectory()))
            url, broker = f"sqlite:///{directory / 'ledger.db'}", "memory://"
            if self.ledger == "PostgreSQL":
                url = stack.enter_context(running(OwnPostgreSQL)).url
            if self.broker:
                broker = stack.enter_context(running(BROKERS[self.broker])).url
            configuration = directory / "worker.toml"
            text = _configuration(url, broker, race, at.url)
            configuration.write_text(text, encoding="utf-8")
            environ = {
                "ORDER_WORKER_CONFIG": str(configuration),
                "BENCH_ACCESS_KEY": ACCESS_KEY,
                "BENCH_SECRET_KEY": SECRET_KEY,
            }
            processes = stack.enter_context(Processes(directory))
            processes.run("-m", "worker", "migrate", **environ)
            command = ("-m", "worker", "run", "--pool", self.pool)
            yield Stage(
                processes, _sized(race, self.concurrency), at, "worker", command, environ, url
            )


@dataclass(frozen=True, slots=True)
class Peer:
    """A module of `benchmarks.peers`, with the pool that it is best in."""

    name: str
    module: str
    pool: str = "threads"
    concurrency: int | None = None
    broker: str = "Redis"
    environ: Mapping[str, str] = field(default_factory=dict)

    is_ours = False

    @contextmanager
    def on_stage(self, race: Race, at: Provider) -> Iterator[Stage]:
        with ExitStack() as stack:
            directory = Path(stack.enter_context(TemporaryDirectory()))
            broker = stack.enter_context(running(BROKERS[self.broker]))
            module = f"benchmarks.peers.{self.module}"
            quiet = (
                "--without-mingle",
                "--without-gossip",
                "--without-heartbeat",
                "--loglevel",
                "INFO",
            )
            command = ("-m", "celery", "-A", module, "worker", "-P", self.pool, *quiet)
            environ = {
                "BENCHMARK_BROKER": broker.url,
                "BENCHMARK_ENDPOINT": at.url,
                **self.environ,
            }
            processes = stack.enter_context(Processes(directory))
            yield Stage(
                processes, _sized(race, self.concurrency), at, module, command, environ, broker.url
            )


Contestant = Ours | Peer


def order(seller: str, number: int) -> Ask:
    """The seller's order of a number."""
    return seller, f"S01-{int(seller[1:]):07}-{number:07}"


def _sized(race: Race, concurrency: int | None) -> Race:
    return race if concurrency is None else replace(race, concurrency=concurrency)


def _configuration(url: str, broker: str, race: Race, endpoint: str) -> str:
    lines = [f'ledger.url = "{url}"', f'broker.url = "{broker}"']
    lines.append("worker.lookup_after_confirm = false")  # the peers do not look either
    for name in [WARM, *names(race.sellers)]:
        lines += configured(name, endpoint)
        quotas = {WRITE: PLENTY if name == WARM else race.quota, LOOKUP: PLENTY}
        for operation, (capacity, rate) in quotas.items():
            lines += [
                f"[sellers.{name}.quotas.{operation}]",
                f"capacity = {capacity}",
                f"restore_rate = {rate}",
            ]
    return "\n".join(lines) + "\n"

"""`order-worker web` as a process of its own, with a token that may do everything, often."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from benchmarks.processes import Processes, wait_for
from benchmarks.provider import ACCESS_KEY, LOOKUP, SECRET_KEY, WRITE, configured
from tests.servers import OwnPostgreSQL, running
from worker import bootstrap
from worker.bootstrap import Runtime
from worker.ledger import tokens, upgrade
from worker.settings import load

DATABASES = ("SQLite", "PostgreSQL")
OPERATIONS = (WRITE, "CancelOrderReference", LOOKUP)
ENDLESS = 1_000_000  # requests of a token: nobody meets this limit
LISTENS = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(slots=True)
class Website:
    """A configuration in a folder of its own; `now` are its objects in this process."""

    processes: Processes
    environ: dict[str, str]
    now: Runtime

    def start(self) -> tuple[str, requests.Session]:
        """Start it; where it listens, and who may ask it."""
        upgrade.upgrade(self.now.ledger.database)
        words = ("read", "enqueue", "operate")
        secret = tokens.create(self.now.ledger.database, "benchmark", words, actor="benchmark")
        process = self.processes.start("-m", "worker", "web", "--port", "0", **self.environ)
        log = self.processes.log_of(process)
        wait_for(lambda: LISTENS.search(log.read_text(encoding="utf-8")), "the web", 60)
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {secret}"
        return LISTENS.findall(log.read_text(encoding="utf-8"))[0], session


@contextmanager
def website(database: str, sellers: Sequence[str], broker: str = "memory://") -> Iterator[Website]:
    """Of so many sellers, on a ledger of its own that is gone afterwards."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        url = f"sqlite:///{directory / 'ledger.db'}"
        if database == "PostgreSQL":
            url = stack.enter_context(running(OwnPostgreSQL)).url
        path = directory / "worker.toml"
        path.write_text(_configuration(url, broker, sellers), encoding="utf-8")
        environ = {
            "ORDER_WORKER_CONFIG": str(path),
            "BENCH_ACCESS_KEY": ACCESS_KEY,
            "BENCH_SECRET_KEY": SECRET_KEY,
        }
        now = bootstrap.build(load(path, environ))
        stack.callback(now.ledger.database.engine.dispose)
        yield Website(stack.enter_context(Processes(directory)), environ, now)


def _configuration(url: str, broker: str, sellers: Sequence[str]) -> str:
    lines = [
        f'ledger.url = "{url}"',
        f'broker.url = "{broker}"',
        "worker = { max_attempts = 1, lookup_after_confirm = false }",
        f"web = {{ burst = {ENDLESS}, requests_per_second = {ENDLESS} }}",
    ]
    for name in sellers:
        lines += configured(name, "http://127.0.0.1:9")
        for operation in OPERATIONS:
            lines += [f"quotas.{operation} = {{ capacity = 10, restore_rate = 1.0 }}"]
    return "\n".join(lines) + "\n"

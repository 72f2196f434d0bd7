"""Real processes for the acceptance tests: workers and command lines of one configuration."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from worker import bootstrap
from worker.bootstrap import Runtime
from worker.errors import LedgerUnavailable
from worker.ledger import upgrade
from worker.ledger.verification import replay
from worker.sandbox.accounts import AmazonPayAccount, SellerCenterAccount
from worker.sandbox.server import Sandbox
from worker.settings import ConfigurationError, load

SECRETS = {
    "ACME_ACCESS_KEY": "AKIDNOTREALACME",
    "ACME_SECRET_KEY": "not-a-real-amazon-secret",
    "MALL_API_KEY": "not-a-real-mall-key",
}
SELLER_ID = "A1NOTREAL"
USER_ID = "mall@example.com"
PLENTY = (1000.0, 1000.0)  # capacity, tokens a second: no test meets it by accident
AMAZON_OPERATIONS = (
    "ConfirmOrderReference",
    "CancelOrderReference",
    "GetOrderReferenceDetails",
)
CENTER_OPERATIONS = ("SetStatusToCanceled", "GetOrderItems")
WAIT = 20.0  # seconds after which what was awaited will not come

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = WAIT) -> T:
    """The first true value of `condition`; fails when there is none in `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > give_up_at:
            raise AssertionError(f"Still {value!r} after {seconds} seconds.")
        time.sleep(0.02)
    return value


class Shop:
    """One configuration in a directory, and the processes that were started with it."""

    def __init__(self, directory: Path, endpoint: str) -> None:
        self.directory = directory
        self.path = directory / "worker.toml"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ORDER_WORKER_")},
            **SECRETS,
            "ORDER_WORKER_CONFIG": str(self.path),
        }
        self._endpoint = endpoint
        self._processes: list[subprocess.Popen[bytes]] = []
        self._runtimes: list[Runtime] = []
        self.configuration()

    def configuration(
        self,
        *,
        amazon_quota: tuple[float, float] = PLENTY,
        center_quota: tuple[float, float] = PLENTY,
        **overrides: object,
    ) -> Path:
        """Write the TOML. An override is `section__key=value`; None leaves the key out."""
        tables: dict[str, Any] = {
            "ledger": {"url": f"sqlite:///{self.directory / 'ledger.db'}"},
            "broker": {"url": "memory://"},
            "worker": {
                "concurrency": 4,
                "patience": "500ms",
                "lease": "2s",
                "call_timeout": "1s",
                "doubt_wait": "300ms",
            },
            "sellers": {
                "acme": self.acme(amazon_quota),
                "mall": {
                    "provider": "seller_center",
                    "endpoint": self._endpoint,
                    "user_id": USER_ID,
                    "api_key": {"env": "MALL_API_KEY"},
                    "quotas": _quotas(CENTER_OPERATIONS, center_quota),
                },
            },
        }
        for name, value in overrides.items():
            *path, key = name.split("__")
            table = tables
            for part in path:
                table = table.setdefault(part, {})
            table[key] = value
        self.path.write_text("\n".join(_toml(tables)) + "\n", encoding="utf-8")
        return self.path

    def acme(self, quota: tuple[float, float] = PLENTY) -> dict[str, Any]:
        """The table of the seller acme."""
        return {
            "provider": "amazon_pay",
            "region": "na",
            "environment": "sandbox",
            "seller_id": SELLER_ID,
            "access_key": {"env": "ACME_ACCESS_KEY"},
            "secret_key": {"env": "ACME_SECRET_KEY"},
            "endpoint": self._endpoint,
            "quotas": _quotas(AMAZON_OPERATIONS, quota),
        }

    def start_worker(
        self, *args: str, celery: bool = False, **env: str
    ) -> "subprocess.Popen[bytes]":
        """Start `order-worker run` (or `celery -A worker.app worker`); its lines go to a file
        that `log_of` reads.
        """
        program = ["celery", "-A", "worker.app", "worker"] if celery else ["worker", "run"]
        return self.start(*program, *args, **env)

    def start(self, module: str, *args: str, **env: str) -> "subprocess.Popen[bytes]":
        """Start `python -m module …` with the shop's configuration."""
        return self.start_python("-m", module, *args, **env)

    def start_python(self, *args: str, **env: str) -> "subprocess.Popen[bytes]":
        """Start `python …` with the shop's configuration."""
        log = self.directory / f"process-{len(self._processes)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *args],
                cwd=self.directory,
                env={**self.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log_of(self, process: "subprocess.Popen[bytes]") -> str:
        number = self._processes.index(process)
        path = self.directory / f"process-{number}.log"
        return path.read_text(encoding="utf-8", errors="replace")

    def order_worker(
        self, *args: str, stdin: str | None = None, timeout: float = 60.0, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `order-worker …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "worker", *args],
            cwd=self.directory,
            env={**self.environ, **env},
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def told(self, *args: str) -> Any:
        """What `order-worker … --json` prints."""
        done = self.order_worker(*args, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ledger(self, **env: str) -> Runtime:
        """The objects of this configuration in the test's own process, for reading."""
        built = bootstrap.build(load(self.path, {**self.environ, **env}))
        self._runtimes.append(built)
        upgrade.upgrade(built.ledger.database)
        return built

    def verify(self) -> None:
        """Whatever the processes did: nothing that `verify` finds is in the ledger, if one is."""
        with ExitStack() as left, suppress(ConfigurationError, LedgerUnavailable):
            built = bootstrap.build(load(self.path, self.environ))
            left.callback(built.ledger.database.engine.dispose)
            if built.ledger.database.is_missing:
                return
            upgrade.ensure(built.ledger.database)
            found = list(replay.findings(built.ledger, built.settings.secrets()))
            what = [f"{one.id} {one.what}" for one in found]
            assert what == [], what

    def stop(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for built in self._runtimes:
            built.ledger.database.engine.dispose()


@contextmanager
def opened(directory: Path, endpoint: str) -> Iterator[Shop]:
    """A shop, and nothing of it left when the block ends but a ledger that is in order."""
    shop = Shop(directory, endpoint)
    try:
        yield shop
    finally:
        shop.stop()
    shop.verify()


@contextmanager
def both_providers() -> Iterator[Sandbox]:
    """Both providers, in the test's own process: look into it, add faults to it."""
    accounts = [
        AmazonPayAccount(
            SELLER_ID,
            SECRETS["ACME_ACCESS_KEY"],
            SECRETS["ACME_SECRET_KEY"],
            quotas=dict.fromkeys(AMAZON_OPERATIONS, PLENTY),
        ),
        SellerCenterAccount(
            USER_ID, SECRETS["MALL_API_KEY"], quotas=dict.fromkeys(CENTER_OPERATIONS, PLENTY)
        ),
    ]
    with Sandbox(accounts) as running:
        yield running


def _quotas(operations: tuple[str, ...], quota: tuple[float, float]) -> dict[str, Any]:
    capacity, rate = quota
    return {name: {"capacity": capacity, "restore_rate": rate} for name in operations}


def _toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The table as TOML, plain values before sections; JSON spells both kinds of values alike."""
    plain = {k: v for k, v in table.items() if not _is_section(v) and v is not None}
    if path and plain:
        yield f"[{'.'.join(map(json.dumps, path))}]"
    for key, value in plain.items():
        yield f"{json.dumps(key)} = {_value(value)}"
    for key, value in table.items():
        if _is_section(value):
            yield from _toml(value, (*path, key))


def _is_section(value: object) -> bool:
    return isinstance(value, dict) and not value.keys() & {"env", "file"}


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)

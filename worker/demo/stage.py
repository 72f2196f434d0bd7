"""What the tour needs around it: a folder, a configuration, and two processes of our own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from worker.demo.scene import Scene

SECRETS = {
    "DEMO_ACCESS_KEY": "AKIADEMOEXAMPLE",
    "DEMO_SECRET_KEY": "demo-secret-key-not-real",
    "DEMO_API_KEY": "demo-api-key-not-real",
}
CONFIGURATION = """\
[ledger]
url = "sqlite:///{folder}/orders.db"
[worker]
call_timeout = "3s"
lease = "6s"
doubt_wait = "2s"
[sellers.acme]
provider = "amazon_pay"
region = "na"
environment = "production"
seller_id = "A1B2C3"
access_key = {{ env = "DEMO_ACCESS_KEY" }}
secret_key = {{ env = "DEMO_SECRET_KEY" }}
endpoint = "{url}"
[sellers.mall]
provider = "seller_center"
user_id = "look@me.com"
api_key = {{ env = "DEMO_API_KEY" }}
endpoint = "{url}"
"""
STARTS_WITHIN = 20.0  # seconds
ENDS_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The tour's own sandbox and worker, running; all of it is gone afterwards."""

    folder: Path
    environ: dict[str, str]
    url: str

    def order_worker(self, *arguments: str) -> None:
        """Run a command of ours to its end, its output shown."""
        command = [sys.executable, "-m", "worker", *arguments]
        subprocess.run(command, env=self.environ, check=True)  # noqa: S603 - our own command


@contextmanager
def opened(scenes: tuple[Scene, ...]) -> Iterator[Stage]:
    """Start the sandbox and a worker with a configuration that forgets nothing of the real one."""
    with TemporaryDirectory(prefix="order-worker-demo-") as name, ExitStack() as running:
        folder = Path(name)
        url = f"http://127.0.0.1:{_free_port()}"
        configuration = folder / "worker.toml"
        configuration.write_text(CONFIGURATION.format(folder=folder, url=url), encoding="utf-8")
        faults = folder / "faults.json"
        rules = [rule for scene in scenes for rule in scene.rules()]
        faults.write_text(json.dumps(rules), encoding="utf-8")
        ours = {key: value for key, value in os.environ.items() if "ORDER_WORKER_" not in key}
        stage = Stage(folder, ours | SECRETS | {"ORDER_WORKER_CONFIG": str(configuration)}, url)
        port = url.rpartition(":")[2]
        running.enter_context(_process(stage, "sandbox", "--port", port, "--faults", str(faults)))
        _until_it_answers(stage)
        for scene in scenes:
            if scene.staged:
                _control(stage, f"orders/{scene.order_id}", scene.staged)
        running.enter_context(_process(stage, "run"))
        yield stage


@contextmanager
def _process(stage: Stage, *arguments: str) -> Iterator[None]:
    with (stage.folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "worker", *arguments],
            env=stage.environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_it_answers(stage: Stage) -> None:
    give_up_at = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            _control(stage, "orders")
        except OSError:
            if time.monotonic() > give_up_at:
                log = (stage.folder / "sandbox.log").read_text(encoding="utf-8")
                raise RuntimeError(f"The sandbox did not start: {log}") from None
            time.sleep(0.05)
        else:
            return


def _control(stage: Stage, path: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{stage.url}/_sandbox/{path}", data)  # noqa: S310 - loopback
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

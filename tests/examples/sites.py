"""A shop of the examples as a process of its own, with its worker and a sandbox behind it."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from examples import start
from tests.acceptance.processes import Shop, both_providers, opened, until
from worker.sandbox.server import Sandbox


@dataclass(frozen=True)
class Site:
    """A shop that is open, and what stands behind it."""

    url: str
    shop: Shop
    sandbox: Sandbox

    @property
    def database(self):
        return self.shop.directory / "shop.db"

    def states(self, reference):
        """Of the jobs of an order, oldest first; read in the database that the shop shares."""
        query = "SELECT state FROM order_worker_jobs WHERE order_id = ? ORDER BY seq"
        with closing(sqlite3.connect(self.database)) as database:
            return [state for (state,) in database.execute(query, (reference,))]

    def told(self, reference):
        """The jobs of an order as `order-worker jobs` tells them, newest first."""
        return [job for job in self.shop.told("jobs") if job["order_id"] == reference]


@contextmanager
def open_site(framework, folder):
    """The shop of a framework, started as examples/start.py starts it."""
    port = free_port()
    *preparing, serving = start.commands(framework, str(port))
    with both_providers() as sandbox, opened(folder, sandbox.url) as shop:
        site = Site(f"http://127.0.0.1:{port}", shop, sandbox)
        shop.environ["SANDBOX_URL"] = sandbox.url
        shop.configuration(
            ledger__url=f"sqlite:///{site.database}", worker__call_timeout="5s", worker__lease="10s"
        )
        shop.ledger()
        shop.start_worker()
        for once in preparing:
            subprocess.run([sys.executable, *once], cwd=folder, env=shop.environ, check=True)
        shop.start_python(*serving)
        until(lambda: listens(port))
        yield site


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5.0):
        return True
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

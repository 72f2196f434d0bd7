"""A shop that has Celery tasks of its own beside ours, its producers, and what they left behind."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import kombu
import pytest
from sqlalchemy import select

from tests.proxies import Proxy
from worker.domain.jobs import FINAL, Task
from worker.ledger.acceptance import Terms
from worker.ledger.schema import jobs
from worker.producers import new_id

BROKERS = {  # the variables are for two runs of the tests beside each other
    "memory": "memory://",
    "redis": os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15"),
    "rabbitmq": os.environ.get("TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}
SHOP = """
import os
from worker.app import app

def note(*words):
    with open("continued", "a") as file:
        print(*words, file=file)

@app.task(name="shop.ship")
def ship(receipt, *words):
    note("ship", receipt["order_id"], *words)
    return {"order_id": receipt["order_id"]}

@app.task(name="shop.bill")
def bill(number):
    note("bill", number)

@app.task(name="shop.sorry")
def sorry(request, error, traceback):
    note("sorry", type(error).__name__, error.code)

@app.task(name="shop.add")
def add(a, b):
    return a + b

@app.task(name="shop.gather")
def gather(parts, word):
    note("gather", word)
    return [part["order_id"] if isinstance(part, dict) else part for part in parts]
"""


def reachable(name, queue="order-worker"):
    """The URL of a broker, a queue of it emptied; skips where there is none, fails in CI."""
    url = BROKERS[name]
    if name == "memory":
        return url
    try:
        with kombu.Connection(url, connect_timeout=2, transport_options={"max_retries": 0}) as one:
            channel = one.channel()
            kombu.Queue(queue, kombu.Exchange(""), routing_key=queue)(channel).declare()
            channel.queue_purge(queue)
    except Exception as error:  # each transport has errors of its own
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {name} at {url}: {error}")
    return url


@contextmanager
def proxied(name):
    """A proxy in front of a broker whose queue is empty, and the URL through it."""
    url = reachable(name)
    port = re.search(r":(\d+)/", url).group(1)
    with Proxy(int(port)) as proxy:
        yield proxy, url.replace(f":{port}/", f":{proxy.port}/")


def write(shop):
    """The shop's module, where its worker and its producers find it."""
    (shop.directory / "shop_app.py").write_text(SHOP)


def produce(shop, lines, **env):
    """Run lines of a producer's program in a process of its own; what it printed, as JSON."""
    program = (
        "import json\n"
        "from shop_app import add, app, bill, gather, ship, sorry\n"
        "from worker import cancel, confirm\n" + lines
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=shop.directory,
        env={**shop.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def record(runtime, order_id):
    """Record a confirm as a producer does whom no broker reaches; its id."""
    request = runtime.producers.request(Task.CONFIRM, (order_id,), {"seller": "acme"})
    terms = Terms(job_id=new_id(), actor="test", may_publish=False)
    return runtime.producers.accept(request, terms).job_id


def standing(runtime, ids=None):
    """The rows of the jobs, by id."""
    with runtime.ledger.database.read() as connection:
        rows = connection.execute(select(jobs)).all()
    return {row.id: row for row in rows if ids is None or row.id in ids}


def finished(runtime, ids=None):
    return all(row.state in FINAL for row in standing(runtime, ids).values())


def continued(shop):
    path = shop.directory / "continued"
    return path.read_text().splitlines() if path.exists() else []


def order(number):
    return f"S01-0000000-{number:07}"


def changes(sandbox):
    """How many times each write changed an order, over all orders."""
    total = Counter()
    for each in sandbox.orders():
        assert max(each["changed"].values(), default=0) <= 1, each
        total.update(each["changed"])
    return dict(total)

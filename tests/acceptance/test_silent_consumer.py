"""A consumer whose connection is open and dead: the worker notices, and works on."""

import json
import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime

import celery_shop
import kombu
import pytest
from celery_shop import changes, finished, order, proxied, reachable, record, standing
from processes import opened, until

from worker.broker import KEPT, OWN

pytestmark = pytest.mark.usefixtures("brokers_alone")
NOTICED_WITHIN = 20.0  # seconds
WAIT = 60.0  # seconds after which what was awaited will not come
NOTICED = "Connection to broker lost"


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_consumer_that_receives_nothing_begins_anew(tmp_path, sandbox, pool):
    with ExitStack() as stack:
        shops, proxies, workers, runtimes = {}, {}, {}, {}
        for number, broker in enumerate(("redis", "rabbitmq")):
            proxies[broker], url = stack.enter_context(proxied(broker))
            (tmp_path / broker).mkdir()
            shop = shops[broker] = stack.enter_context(opened(tmp_path / broker, sandbox.url))
            shop.configuration(broker__url=url)
            runtimes[broker] = shop.ledger()
            celery_shop.write(shop)
            workers[broker] = shop.start(
                *("celery", "-A", "shop_app", "worker", "--without-mingle", "--without-gossip"),
                *("-P", pool, "-c", "2", "-l", "INFO"),
            )
            record(runtimes[broker], order(number))
        for broker, runtime in runtimes.items():
            until(lambda runtime=runtime: finished(runtime), WAIT)
            proxies[broker].freeze()
        frozen_at = time.time()
        for number, runtime in enumerate(runtimes.values(), start=10):
            record(runtime, order(number))
        for broker, runtime in runtimes.items():
            until(lambda runtime=runtime: finished(runtime), WAIT)
            assert {row.state for row in standing(runtime).values()} == {"succeeded"}
            noticed = noticed_at(shops[broker].log_of(workers[broker])) - frozen_at
            done = max(row.finished_at for row in standing(runtime).values()) - frozen_at
            sys.stdout.write(f"{broker}, {pool}: {noticed:.1f} s, work done at {done:.1f} s\n")
            assert max(noticed, done) < NOTICED_WITHIN
        assert changes(sandbox) == {"ConfirmOrderReference": 4}
        for worker in workers.values():
            assert worker.poll() is None
            worker.send_signal(signal.SIGTERM)
        for broker, worker in workers.items():
            until(lambda worker=worker: worker.poll() is not None, WAIT)
            assert worker.returncode == 0, shops[broker].log_of(worker)
    nothing_stays()


def noticed_at(said):
    """Epoch seconds of the first line that tells of the lost connection."""
    line = next(line for line in said.splitlines() if NOTICED in line and line.startswith("{"))
    return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()


def nothing_stays():
    """No worker's own queue is left behind, or it ends by itself."""
    with kombu.Connection(celery_shop.BROKERS["redis"]) as connection:
        client = connection.default_channel.client
        kept = client.keys("order-worker.*")
        assert [key for key in kept if client.ttl(key) == -1] == []


@pytest.mark.parametrize("is_put_back", [False, True])
def test_the_own_queue_of_a_worker_that_is_lost_is_not_kept(is_put_back):
    name = f"{OWN}lost:{is_put_back}"
    url = reachable("redis")
    transport = "worker.redis_transport:Transport"
    with kombu.Connection(url, transport=transport) as connection:
        queue = kombu.Queue(name, kombu.Exchange(""), routing_key=name, expires=KEPT)
        channel = connection.default_channel
        client = channel.client
        client.delete(name)
        channel.basic_publish(channel.prepare_message("a canary"), exchange="", routing_key=name)
        if is_put_back:
            queue.bind(channel).get().requeue()
        assert client.llen(name) == 1
        assert 0 < client.ttl(name) <= KEPT
        client.delete(name)

"""A consumer whose connection is open and dead: the worker notices, and works on."""

import signal
import sys
import time
from contextlib import ExitStack

import celery_shop
import kombu
import pytest
from celery_shop import changes, finished, proxied, standing
from processes import opened, until

pytestmark = pytest.mark.usefixtures("brokers_alone")
NOTICED_WITHIN = 20.0  # seconds
ASK = 'print(json.dumps([confirm.delay("S01-0000000-{0:07}", seller="acme").id]))'


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_consumer_that_receives_nothing_begins_anew(tmp_path, sandbox, pool):
    with ExitStack() as stack:
        shops, proxies, workers, runtimes, ids, done = {}, {}, {}, {}, {}, {}
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
            ids[broker] = celery_shop.produce(shop, ASK.format(number))
        for broker in shops:
            until(lambda broker=broker: finished(runtimes[broker], ids[broker]))
            proxies[broker].freeze()
        frozen_at = time.monotonic()
        for number, broker in enumerate(shops, start=10):
            ids[broker] += celery_shop.produce(shops[broker], ASK.format(number))
        until(lambda: all(end(runtimes, ids, done, frozen_at)), NOTICED_WITHIN)
        sys.stdout.write(f"{pool}: done so many seconds after the silence: {done}\n")
        assert changes(sandbox) == {"ConfirmOrderReference": 4}
        for broker, worker in workers.items():
            said = shops[broker].log_of(worker)
            assert "nothing was received for too long" in said
            assert worker.poll() is None, said
            worker.send_signal(signal.SIGTERM)
        for broker, worker in workers.items():
            until(lambda worker=worker: worker.poll() is not None)
            assert worker.returncode == 0, shops[broker].log_of(worker)
    nothing_stays()


def end(runtimes, ids, done, since):
    """Which of them are done; `done` gets the seconds."""
    for broker, runtime in runtimes.items():
        if finished(runtime, ids[broker]) and broker not in done:
            assert {row.state for row in standing(runtime).values()} == {"succeeded"}
            done[broker] = round(time.monotonic() - since, 1)
        yield broker in done


def nothing_stays():
    """No worker's own queue is left behind, or it ends by itself."""
    with kombu.Connection(celery_shop.BROKERS["redis"]) as connection:
        client = connection.default_channel.client
        kept = client.keys("order-worker.*")
        assert [key for key in kept if client.ttl(key) == -1] == []

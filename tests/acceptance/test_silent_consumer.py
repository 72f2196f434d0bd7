"""A consumer whose connection is open and dead: the worker notices, and works on."""

import functools
import re
import signal
import sys
import time

import celery_shop
import pytest
from celery_shop import changes, finished, reachable, standing
from processes import until

from tests.proxies import Proxy

pytestmark = pytest.mark.usefixtures("brokers_alone")
NOTICED_WITHIN = 20.0  # seconds


@pytest.fixture
def produce(shop):
    celery_shop.write(shop)
    return functools.partial(celery_shop.produce, shop)


@pytest.mark.parametrize("pool", ["threads", "prefork"])
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_consumer_that_receives_nothing_begins_anew(shop, sandbox, produce, broker, pool):
    url = reachable(broker)
    port = re.search(r":(\d+)/", url).group(1)
    with Proxy(int(port)) as proxy:
        shop.configuration(broker__url=url.replace(f":{port}/", f":{proxy.port}/"))
        runtime = shop.ledger()
        celery_shop.write(shop)
        worker = shop.start(
            *("celery", "-A", "shop_app", "worker", "--without-mingle", "--without-gossip"),
            *("-P", pool, "-c", "2", "-l", "INFO"),
        )
        until(lambda: "ready." in shop.log_of(worker))
        ids = produce(ASK.format(1))
        until(lambda: finished(runtime, ids))
        proxy.freeze()
        frozen_at = time.monotonic()
        ids = produce(ASK.format(2))
        until(lambda: finished(runtime, ids), NOTICED_WITHIN)
        seconds = time.monotonic() - frozen_at
        sys.stdout.write(f"{broker}, {pool}: done {seconds:.1f} s after the silence\n")
        assert {row.state for row in standing(runtime, ids).values()} == {"succeeded"}
        assert changes(sandbox) == {"ConfirmOrderReference": 2}
        worker.send_signal(signal.SIGTERM)
        assert until(lambda: worker.poll() is not None, 15.0), shop.log_of(worker)
        assert worker.returncode == 0, shop.log_of(worker)


ASK = 'print(json.dumps([confirm.delay("S01-0000000-{0:07}", seller="acme").id]))'

"""A library's bucket in Redis, shared by all processes: throttled-py, asked again every 50 ms.

BENCHMARK_LIMITER is `token_bucket`, or `gcra`, which is a token bucket too and counts finer than
whole seconds. The library's own waiting looks every 0.2 to 0.5 s; asking by hand wastes less.
"""

import functools
import os
import time

from throttled import Throttled as Bucket
from throttled import per_sec
from throttled.store import RedisStore

from benchmarks.peers import backoff
from benchmarks.peers.settings import BROKER, application
from benchmarks.provider import WARM

app = application("limiter")
POLL = 0.05  # seconds
KIND = os.environ.get("BENCHMARK_LIMITER", "token_bucket")
CAPACITY = int(float(os.environ.get("BENCHMARK_CAPACITY", "10")))
RATE = int(float(os.environ.get("BENCHMARK_TOTAL_RATE", "20")))


@functools.cache
def bucket(seller: str) -> Bucket:
    """The bucket of a seller, one object a process."""
    return Bucket(
        key=f"confirm:{seller}",
        using=KIND,
        quota=per_sec(RATE, burst=CAPACITY),
        store=RedisStore(server=BROKER),
    )


@app.task(name="limiter.confirm", shared=False)
def confirm(order_id: str, *, seller: str) -> str:
    """Confirm an order once there is a token."""
    while seller != WARM and bucket(seller).limit().limited:
        time.sleep(POLL)
    return str(backoff.confirm.run(order_id, seller=seller))

"""Celery's own `rate_limit`: per worker process and task type, so each process gets its share.

BENCHMARK_RATE is what one process may do a second. It has no burst. What is throttled all the
same (the processes' limits know nothing of each other) is tried again as in `backoff`.

BENCHMARK_PREFETCH is what spreads all jobs evenly over the processes at once, which nobody knows
in real life. With more tasks waiting than that, and in a long run with it, each process has been
seen to do one task a second, whatever its limit, with threads and with prefork alike.
"""

import os

from benchmarks.peers import backoff
from benchmarks.peers.settings import application

PREFETCH = int(os.environ.get("BENCHMARK_PREFETCH", "1"))
app = application("rate_limit", worker_prefetch_multiplier=PREFETCH)
RATE = os.environ.get("BENCHMARK_RATE", "1")


@app.task(name="rate_limit.confirm", shared=False, rate_limit=f"{RATE}/s")
def confirm(order_id: str, *, seller: str) -> str:
    """Confirm an order."""
    return str(backoff.confirm.run(order_id, seller=seller))

"""Plain Celery as a careful shop has it: late acknowledgement, results in Redis, tenacity,
requests. Nothing is throttled here, so the waits of `backoff` never happen.
"""

from benchmarks.peers import backoff
from benchmarks.peers.settings import application

app = application("plain", worker_prefetch_multiplier=4)  # Celery's default


@app.task(name="plain.confirm", shared=False)
def confirm(order_id: str, *, seller: str) -> str:
    """Confirm an order."""
    return str(backoff.confirm.run(order_id, seller=seller))

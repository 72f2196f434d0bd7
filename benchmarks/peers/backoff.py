"""Celery with tenacity: a throttle is answered by an exponential wait with jitter, in the task.

Up to ten minutes, so that nothing is lost by impatience.
"""

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from benchmarks.peers.calling import Throttled, send
from benchmarks.peers.settings import application

app = application("backoff")


@app.task(name="backoff.confirm", shared=False)
def confirm(order_id: str, *, seller: str) -> str:
    """Confirm an order."""
    retrying = Retrying(
        retry=retry_if_exception_type(Throttled),
        wait=wait_random_exponential(multiplier=0.25, max=10),
        stop=stop_after_delay(600),
        reraise=True,
    )
    return retrying(send, order_id, seller)

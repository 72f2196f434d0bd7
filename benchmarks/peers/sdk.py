"""Amazon's own SDK (amazon-pay 2.7.1) inside a Celery task, with its handling of throttles on.

It tries a throttled request four times, after 0, 1, 4 and 10 s, and then gives an answer that
is no success and has lost its code; the task fails, as the SDK's own examples do.
"""

import functools
import os
import threading

from amazon_pay.client import AmazonPayClient

from benchmarks.peers.calling import PATH
from benchmarks.peers.settings import application
from benchmarks.provider import ACCESS_KEY, SECRET_KEY, seller_id

app = application("sdk")


class NotConfirmed(Exception):
    """The SDK gave up."""


@functools.cache
def client(seller: str, _thread: int) -> AmazonPayClient:
    """A client of a seller; it keeps state, so each thread has its own."""
    made = AmazonPayClient(
        mws_access_key=ACCESS_KEY,
        mws_secret_key=SECRET_KEY,
        merchant_id=seller_id(seller),
        region="na",
        currency_code="USD",
        sandbox=True,
        handle_throttle=True,
    )
    # Its table of regions holds host names, before which it writes https.
    made._mws_endpoint = os.environ["BENCHMARK_ENDPOINT"] + PATH  # noqa: SLF001
    return made


@app.task(name="sdk.confirm", shared=False)
def confirm(order_id: str, *, seller: str) -> str:
    """Confirm an order."""
    answer = client(seller, threading.get_ident()).confirm_order_reference(order_id)
    if not answer.success:
        raise NotConfirmed(order_id)
    return str(answer.to_xml())

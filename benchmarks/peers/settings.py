"""The settings of every peer: late acknowledgement, and results where the broker is, by RPC on
RabbitMQ.

Prefetch is one per slot, so that no process keeps jobs that another one could be doing; a peer
that is better with more says why.
"""

import os
from typing import Any

from celery import Celery

BROKER = os.environ.get("BENCHMARK_BROKER", "redis://127.0.0.1:6379/0")
RESULTS = BROKER if BROKER.startswith("redis:") else "rpc://"


def application(name: str, **more: Any) -> Celery:
    """A peer's Celery application."""
    app = Celery(name, broker=BROKER, backend=RESULTS, set_as_current=False)
    app.conf.update(
        {
            "task_acks_late": True,
            "worker_prefetch_multiplier": 1,
            "task_default_queue": name,
            "broker_connection_retry_on_startup": True,
            **more,
        }
    )
    return app

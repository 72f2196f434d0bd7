"""The settings of every peer: Redis as broker and result backend, late acknowledgement.

Prefetch is one per slot, so that no process keeps jobs that another one could be doing; a peer
that is better with more says why.
"""

import os
from typing import Any

from celery import Celery

REDIS = os.environ.get("BENCHMARK_REDIS", "redis://127.0.0.1:6379/0")


def application(name: str, **more: Any) -> Celery:
    """A peer's Celery application."""
    app = Celery(name, broker=REDIS, backend=REDIS, set_as_current=False)
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

"""A seller at a mall, a job of that seller's, and the clock that both are tested with."""

from worker.domain.jobs import Effect, Job, Request, State, Step, Task
from worker.providers.seller_center.provider import SellerCenter

KEY = "b1bdb357-obviously-fake"
NOW = 1435749071.0  # 2015-07-01T11:11:11Z


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def seller(endpoint, clock=None, **options) -> SellerCenter:
    return SellerCenter.from_configuration(
        "mall",
        {"endpoint": endpoint, "user_id": "look@me.com", "api_key": KEY, **options},
        call_timeout=5.0,
        user_agent="order-worker/test",
        clock=clock or Clock(),
    )


def job(step=Step.APPLY, **arguments):
    given = {"order_id": "10937342", "parent_order_id": "4711", **arguments}
    request = Request(given.pop("task", Task.CANCEL), "mall", **given)
    return Job("j1", 1, request, State.RUNNING, step, Effect.POSSIBLE, NOW, NOW, NOW + 60, NOW + 60)

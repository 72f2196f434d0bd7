"""As `utilisation`, for 200 sellers at once: (10, 2/s) each, 20 confirms each.

The permitted line lets 2 000 requests through at once and 400 in each second after that: 5.0 s
for all 4 000. This is more than the machine that this was written on can do in any of the ways
measured here, the provider's own work included; so the share says who comes closest.
Celery's `rate_limit` has one limit for a task, whoever the seller: it is left out.
"""

from benchmarks.contestants import Ours, Peer, Race
from benchmarks.saturation import compete

QUOTA = (10.0, 2.0)
LIMIT = {"BENCHMARK_TOTAL_RATE": "2"}

CONTESTANTS = (
    Ours("order-worker, SQLite"),
    Ours("order-worker, PostgreSQL + Redis", "PostgreSQL", "Redis"),
    Peer("Celery, tenacity backoff", "backoff"),
    Peer("Celery, throttled-py token bucket", "limiter", environ=LIMIT),
    Peer("Celery, throttled-py GCRA", "limiter", environ={**LIMIT, "BENCHMARK_LIMITER": "gcra"}),
    Peer("Celery, Amazon's SDK", "sdk"),
)


def main(*, small: bool) -> None:
    sellers, each = (20, 15) if small else (200, 20)
    compete(
        "sellers",
        f"{sellers} sellers, (10, 2/s) each, {each * sellers:,} confirms, 3 processes",
        CONTESTANTS,
        Race(sellers=sellers, quota=QUOTA, workers=3),
        each=each,
        keep=not small,
    )

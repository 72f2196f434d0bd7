"""How much of what one seller is permitted is used, and what it costs in throttles and losses.

One seller with a quota of (10, 20/s) at a provider that keeps it, 210 confirms asked for at once,
3 worker processes of 8 threads, which are up and warm. The permitted line lets 10 requests
through at once and 20 in each second after that: 10.0 s from the first to the last of 210. The
share is that time over the one that was taken, by the provider's own log of arrivals.
"""

from benchmarks.contestants import Ours, Peer, Race
from benchmarks.saturation import compete

QUOTA = (10.0, 20.0)
WORKERS = 3
# Of each process: of the rate, and of the 210 jobs, for each of its 8 threads.
SHARE = {"BENCHMARK_RATE": str(QUOTA[1] / WORKERS), "BENCHMARK_PREFETCH": "9"}

CONTESTANTS = (
    Ours("order-worker, SQLite"),
    Ours("order-worker, PostgreSQL + Redis", "PostgreSQL", "Redis"),
    Peer("Celery, tenacity backoff", "backoff"),
    Peer("Celery rate_limit", "rate_limit", environ=SHARE),
    Peer("Celery, throttled-py token bucket", "limiter"),
    Peer("Celery, throttled-py GCRA", "limiter", environ={"BENCHMARK_LIMITER": "gcra"}),
    Peer("Celery, Amazon's SDK", "sdk"),
)


def main(*, small: bool) -> None:
    compete(
        "utilisation",
        "One seller, (10, 20/s), 210 confirms, 3 processes",
        CONTESTANTS,
        Race(sellers=1, quota=QUOTA, workers=WORKERS),
        each=50 if small else 210,
        keep=not small,
    )

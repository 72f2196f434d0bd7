"""The ledger as Prometheus' metrics: right for the whole fleet, whichever process is asked.

Counters begin with this process' first answer, each at nought, or the first of a kind would be no
increase to Prometheus; nothing is counted by workers.
Labels are names of the configuration and words of the design: their number is bounded.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from worker.bootstrap import Runtime
from worker.domain.jobs import FINAL, Task
from worker.domain.outcomes import Outcome
from worker.ledger import calls, overview, standings
from worker.ledger.happenings import Call, Happenings, JobStep
from worker.ledger.portraits import Portrait

ELSE = "(unknown)"  # a seller that is not in the configuration: anybody can name one in a message
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # upper ends of a request's durations
BUCKET = ("seller", "operation")

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "jobs_accepted": ("Jobs that were accepted.", ("seller", "task")),
    "jobs_finished": (
        "Jobs that ended, by state; one that is retried ends again.",
        ("seller", "task", "state"),
    ),
    "attempts": ("Requests to providers, by what they came to.", (*BUCKET, "outcome")),
    "lease_recoveries": ("Jobs that lost the worker that held them.", ("seller",)),
}
OF_QUOTA: Mapping[str, tuple[str, str]] = {  # metric: its meaning, and the word of a quota
    "bucket_tokens": ("Tokens that are there now.", "tokens"),
    "bucket_capacity_tokens": ("Tokens that a bucket holds.", "capacity"),
    "bucket_nominal_tokens_per_second": ("The rate that is configured.", "restore_rate"),
    "bucket_tokens_per_second": ("The rate in force; lower where throttles showed it.", "rate"),
    "bucket_in_flight": ("Requests that are under way.", "in_flight"),
    "bucket_ready_jobs": ("Jobs that could run but for their turn; counted to 1000.", "ready"),
}
OF_NOW = {
    "jobs_waiting": "Jobs that wait, by what they wait for.",
    "jobs_running": "Jobs that a worker holds.",
    "jobs_in_doubt": "Jobs of which nobody knows yet whether they were applied.",
    "oldest_waiting_job_age_seconds": "Since when the job waits that was accepted first.",
    "oldest_ready_job_age_seconds": "Of the job that could run but for its turn, since acceptance.",
    "workers": "Workers that have made a request within five minutes.",
}


class Measures(Collector):
    """For prometheus_client's registry. Raises LedgerUnavailable when it is collected."""

    def __init__(self, now: Runtime) -> None:
        self._ledger = now.ledger
        self._known = frozenset(now.settings.sellers)
        self._happenings: Happenings | None = None
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in COUNTERS}
        self._seconds: dict[tuple[str, ...], list[float]] = defaultdict(
            lambda: [0.0] * (len(SECONDS) + 2)
        )

    def describe(self) -> Iterable[Metric]:
        """Nothing is read when the collector is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            self._count()
            yield from self._counters()
            yield self._durations()
        yield from self._of_now()
        yield from self._of_quotas()

    def _count(self) -> None:
        if self._happenings is None:
            self._happenings = Happenings(self._ledger)
            self._begin()
        steps, requests = self._happenings.read()
        for step in steps:
            self._count_step(step)
        for request in requests:
            self._count_request(request)

    def _begin(self) -> None:
        for seller in self._known:
            self._counts["lease_recoveries"][(seller,)] = 0
            for task in Task:
                self._counts["jobs_accepted"][seller, task] = 0
                self._counts["jobs_finished"].update({(seller, task, state): 0 for state in FINAL})
            for spec in self._ledger.routes.of_seller(seller):
                of = (seller, spec.operation)
                self._counts["attempts"].update({(*of, outcome): 0 for outcome in Outcome})

    def _count_step(self, step: JobStep) -> None:
        seller = self._seller(step.seller)
        if step.old is None:
            self._counts["jobs_accepted"][seller, step.task] += 1
        if step.new in FINAL:
            self._counts["jobs_finished"][seller, step.task, step.new] += 1
        if step.lost_lease:
            self._counts["lease_recoveries"][(seller,)] += 1

    def _count_request(self, request: Call) -> None:
        of = (self._seller(request.seller), request.operation)
        self._counts["attempts"][(*of, request.outcome)] += 1
        counts = self._seconds[of]
        counts[bisect_left(SECONDS, request.seconds)] += 1
        counts[-1] += request.seconds

    def _seller(self, name: str) -> str:
        return name if name in self._known else ELSE

    def _counters(self) -> Iterable[Metric]:
        for name, (meaning, labels) in COUNTERS.items():
            family = CounterMetricFamily(f"order_worker_{name}", meaning, labels=labels)
            for values, count in sorted(self._counts[name].items()):
                family.add_metric(values, count)
            yield family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "order_worker_attempt_duration_seconds",
            "From the claim of a request to its answer in the ledger.",
            labels=BUCKET,
        )
        for values, (*counts, total) in sorted(self._seconds.items()):
            ends, sum_so_far = [], 0.0
            for end, count in zip([*map(str, SECONDS), "+Inf"], counts, strict=True):
                sum_so_far += count
                ends.append((end, sum_so_far))
            family.add_metric(values, ends, total)
        return family

    def _of_now(self) -> Iterable[Metric]:
        found = overview.look(self._ledger)
        waiting = _gauge("jobs_waiting", "waiting_for")
        for reason, count in found.waiting.items():
            waiting.add_metric((reason,), count)
        yield waiting
        plain = {
            "jobs_running": found.running,
            "jobs_in_doubt": found.in_doubt,
            "oldest_waiting_job_age_seconds": found.oldest["age"] if found.oldest else 0.0,
            "oldest_ready_job_age_seconds": found.ready_for,
            "workers": found.workers,
        }
        for name, value in plain.items():
            gauge = _gauge(name)
            gauge.add_metric((), value)
            yield gauge

    def _of_quotas(self) -> Iterable[Metric]:
        quotas = [
            {**quota, "rate": quota["learned_rate"] or quota["restore_rate"]}
            for quota in standings.quotas(self._ledger)
        ]
        for name, (meaning, word) in OF_QUOTA.items():
            gauge = GaugeMetricFamily(f"order_worker_{name}", meaning, labels=BUCKET)
            for quota in quotas:
                gauge.add_metric(self._of(quota), quota[word])
            yield gauge
        closed = GaugeMetricFamily(
            "order_worker_bucket_closed", "1 while nobody may ask.", labels=(*BUCKET, "closed_for")
        )
        for quota in quotas:
            if quota["closed_for"]:
                closed.add_metric((*self._of(quota), quota["closed_for"]), 1)
        yield closed
        yield self._utilisation(quotas)

    def _utilisation(self, quotas: Iterable[Portrait]) -> Metric:
        gauge = GaugeMetricFamily(
            "order_worker_bucket_utilisation_ratio",
            "Requests of the last minute over those that the rate permits, the burst left out.",
            labels=BUCKET,
        )
        recent = calls.recent(self._ledger)
        for quota in quotas:
            slots = recent[quota["seller"], quota["operation"]].slots[-LAST_MINUTE:]
            permitted = quota["rate"] * calls.SLOT_SECONDS * len(slots)
            gauge.add_metric(self._of(quota), sum(slots) / permitted)
        return gauge

    def _of(self, quota: Portrait) -> tuple[str, str]:
        return self._seller(quota["seller"]), quota["operation"]


LAST_MINUTE = int(60 / calls.SLOT_SECONDS)  # slots


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"order_worker_{name}", OF_NOW[name], labels=labels)

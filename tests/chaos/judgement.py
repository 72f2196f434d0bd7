"""What a run came to, judged by the ledger and by the provider's own log."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.domain.jobs import FINAL, Step
from worker.sandbox.log import Entry

WRITES = {"ConfirmOrderReference", "CancelOrderReference", "SetStatusToCanceled"}
NOT_APPLIED = {"RequestThrottled", "E429"}  # answers after which a write may be sent again at once


@dataclass
class Report:
    """All figures of a run. `wrong` is empty if it kept every promise."""

    seed: int
    duration: float = 0.0
    disturbances: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)  # by state
    requests: int = 0
    lost_leases: int = 0
    refused: int = 0  # calls of a producer while the ledger was away
    slowest_delay: float = 0.0  # seconds, of the accepted calls but a producer's first
    recoveries: list[tuple[float, str]] = field(default_factory=list)  # see `judge_recovery`
    story: list[str] = field(default_factory=list)  # of the job that recovered last
    exits: Counter[int] = field(default_factory=Counter)
    stayed: list[str] = field(default_factory=list)  # workers that did not leave when told to
    lost: list[str] = field(default_factory=list)
    applied_twice: list[str] = field(default_factory=list)
    sent_blindly: list[str] = field(default_factory=list)
    over_quota: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)  # of `order-worker verify`

    @property
    def longest_recovery(self) -> float:
        return max(self.recoveries, default=(0.0, ""))[0]

    @property
    def wrong(self) -> dict[str, list[str]]:
        kinds = (
            "lost",
            "stayed",
            "applied_twice",
            "sent_blindly",
            "over_quota",
            "untrue",
            "findings",
        )
        return {kind: found for kind in kinds if (found := getattr(self, kind))}

    def lines(self) -> Iterable[str]:
        """The report, one figure a line."""
        yield f"seed {self.seed}, {self.duration:.0f} s, {self.requests} requests"
        yield f"disturbances: {_counted(self.disturbances)}"
        yield f"faults: {_counted(self.faults)}"
        yield f"jobs: {_counted(self.jobs)}; {self.lost_leases} leases were lost"
        yield f"longest recovery of a lost worker's job: {self.longest_recovery:.1f} s"
        yield from self.story
        yield f"slowest delay, once warm: {self.slowest_delay:.2f} s; refused: {self.refused}"
        yield f"workers ended with: {_counted(self.exits)}"
        yield (
            f"lost {len(self.lost)}, applied twice {len(self.applied_twice)}, sent blindly"
            f" {len(self.sent_blindly)}, over the quota {len(self.over_quota)}, untrue"
            f" {len(self.untrue)}, findings of verify {len(self.findings)}"
        )
        for kind, found in self.wrong.items():
            yield from (f"{kind}: {each}" for each in found)


def judge_ledger(report: Report, accepted: Sequence[str], rows: Iterable[Any]) -> None:
    """Is every accepted job there, and final?"""
    by_id = {row.id: row for row in rows}
    report.jobs = Counter(row.state for row in by_id.values())
    report.lost_leases = sum(row.lost_leases for row in by_id.values())
    report.lost = [
        f"{job_id} is {by_id[job_id].state if job_id in by_id else 'not in the ledger'}"
        for job_id in accepted
        if job_id not in by_id or by_id[job_id].state not in FINAL
    ]


def judge_recovery(report: Report, attempts: Iterable[Any], transitions: Iterable[Any]) -> None:
    """How long a job whose worker was lost in a write had to wait, from that claim to the lookup's,
    in seconds.
    """
    lost: dict[str, float] = {}
    for attempt in attempts:  # by id: in the sequence of their claims
        since = lost.pop(attempt.job_id, None)
        if since is not None:
            report.recoveries.append((attempt.claimed_at - since, attempt.job_id))
        if attempt.message == "the worker was lost" and attempt.step == Step.APPLY:
            lost[attempt.job_id] = attempt.claimed_at
    if report.recoveries:
        _, job_id = max(report.recoveries)
        steps = [each for each in transitions if each.job_id == job_id and each.subject == "job"]
        report.story = [
            f"    +{each.at - steps[0].at:.1f} s {each.new} {each.waiting_for or ''}: {each.why}"
            for each in steps
        ]


def judge_provider(
    report: Report, entries: Sequence[Entry], orders: Iterable[Any], parents: dict[str, str]
) -> None:
    """What the sandbox saw: `parents` is the parent order of each item."""
    report.requests = len(entries)
    report.faults = Counter(_kind(entry) for entry in entries if entry.fault)
    report.over_quota = [
        f"{each.seller} {each.operation} at {each.time:.3f}" for each in entries if each.throttled
    ]
    report.applied_twice = [
        f"{order['order_id']}: {order['changed']}"
        for order in orders
        if max(order["changed"].values(), default=0) > 1
    ]
    of_order: dict[str | None, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda each: each.time):
        of_order[parents.get(entry.order_id or "", entry.order_id)].append(entry)
    for order_id, log in of_order.items():
        report.sent_blindly += [f"{order_id}: {each}" for each in blind(log)]


def blind(log: Iterable[Entry]) -> Iterable[str]:
    """The writes of one order that followed another whose answer was not clear, unseen between."""
    before: Entry | None = None
    for entry in log:
        if entry.operation not in WRITES:
            before = None
            continue
        if before is not None and not _is_clear(before, entry):
            yield f"{entry.operation} after {before.operation} ({before.status} {before.code})"
        before = entry


def _is_clear(before: Entry, entry: Entry) -> bool:
    """Whether what came of a write allows the next one of its order without a lookup."""
    if before.code in NOT_APPLIED:
        return True
    return before.status == 200 and before.operation != entry.operation


def judge_truth(report: Report, rows: Iterable[Any], orders: Iterable[Any]) -> None:
    """Is what the ledger says of a job so at the provider?"""
    at_provider = {order["order_id"]: order for order in orders}
    for row in rows:
        changed = at_provider.get(row.order_id, {"changed": {}})["changed"]
        write = _write(row)
        if row.state == "succeeded" and not changed.get(write):
            report.untrue.append(f"{row.id} succeeded, and {write} changed nothing")
        if row.state in {"rejected", "withdrawn"} and changed.get(write):
            report.untrue.append(f"{row.id} is {row.state}, and {write} changed {row.order_id}")


def _write(row: Any) -> str:
    if row.parent_order_id:
        return "SetStatusToCanceled"
    return "ConfirmOrderReference" if row.task == "confirm" else "CancelOrderReference"


def _kind(entry: Entry) -> str:
    if entry.status is None:
        return "answer dropped"
    if entry.code in NOT_APPLIED:
        return "throttled"
    return "500" if entry.status == 500 else "slow, or an old state read"


def _counted(counts: Counter[Any]) -> str:
    return ", ".join(f"{what} {times}" for what, times in sorted(counts.items())) or "none"

"""What the tour shows: the orders on their way, and the table at the end."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from worker.bootstrap import runtime
from worker.demo.scene import Scene
from worker.domain.jobs import FINAL
from worker.ledger import queries, standings

PATIENCE = 120.0  # seconds until the tour gives up
Job = dict[str, Any]
console = Console(highlight=False)
if not console.is_terminal:
    console.width = 150  # a log wraps by itself


def heading(text: str) -> None:
    console.print(f"\n[bold]order-worker[/]  {text}\n")
    console.file.flush()  # the commands of the tour print beside us


def follow(expected: int) -> list[Job]:
    """Show the jobs by state until all are final; the jobs with their history."""
    give_up_at = time.monotonic() + PATIENCE
    shown = ""
    with console.status("") as status:
        while True:
            jobs = _jobs(expected)
            line = _states(jobs)
            status.update(line)
            if line != shown and not console.is_terminal:
                console.print(line)
            shown = line
            done = len(jobs) == expected and all(job["state"] in FINAL for job in jobs)
            if done or time.monotonic() > give_up_at:
                return jobs
            time.sleep(0.25 if console.is_terminal else 1.0)


def table(scenes: Sequence[Scene], jobs: Sequence[Job]) -> int:
    """Print every order and how it ended; 0 if each ended as its scene says, else 1."""
    by_order = {job["order_id"]: job for job in jobs}
    out = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("order", "task", "what happens", "state"):
        out.add_column(name, no_wrap=True)
    out.add_column("attempts", justify="right")
    out.add_column("provider said", overflow="fold")
    out.add_column("waited for quota", justify="right", no_wrap=True)
    wrong = 0
    for scene in scenes:
        job = by_order.get(scene.order_id)
        right = job is not None and job["state"] == scene.ends
        wrong += not right
        if job is None:
            out.add_row(scene.order_id, scene.task, scene.note, "[red]missing[/]", "", "", "")
            continue
        colour = "green" if right else "red"
        state = f"[{colour}]{job['state']}[/]" + ("" if right else f" (not {scene.ends})")
        out.add_row(
            scene.order_id,
            scene.task,
            scene.note,
            state,
            str(job["attempt_count"]),
            " → ".join(_said(attempt) for attempt in job["attempts"]),
            f"{_waited(job):.1f} s",
        )
    console.print(out)
    console.print()
    for line in _usage(jobs):
        console.print(line)
    ended = Counter(job["state"] for job in jobs)
    summary = ", ".join(f"{count} {state}" for state, count in ended.items())
    verdict = "[green]each as it must[/]" if not wrong else f"[red]{wrong} not as they must[/]"
    console.print(f"\n{len(jobs)} jobs: {summary}; {verdict}.")
    return 1 if wrong else 0


def _jobs(expected: int) -> list[Job]:
    ledger = runtime().ledger
    newest = list(queries.find(ledger, queries.Filters(), expected))
    return queries.of_ids(ledger, [str(job["id"]) for job in newest])


def _states(jobs: Sequence[Job]) -> str:
    counts = Counter(job["state"] for job in jobs)
    return "  ".join(f"{state} {counts[state]}" for state in sorted(counts)) or "starting"


def _said(attempt: Job) -> str:
    return str(attempt["code"] or attempt["status"] or attempt["outcome"])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _waited(job: Job) -> float:
    """Seconds from acceptance to the first request: nothing but quota was in the way of these."""
    first = job["attempts"][0]["claimed_at"] if job["attempts"] else job["finished_at"]
    return max(0.0, _seconds(first) - _seconds(job["accepted_at"])) if first else 0.0


def _usage(jobs: Sequence[Job]) -> list[str]:
    """For each bucket of writes that ran dry: its requests, of those permitted meanwhile."""
    made: dict[tuple[str, str], list[float]] = {}
    for job in jobs:
        for attempt in job["attempts"]:
            if attempt["step"] == "apply":
                times = made.setdefault((job["seller"], attempt["operation"]), [])
                times.append(_seconds(attempt["claimed_at"]))
    lines = []
    for bucket in standings.quotas(runtime().ledger):
        times = made.get((str(bucket["seller"]), str(bucket["operation"])), [])
        if len(times) <= float(str(bucket["capacity"])):
            continue
        span = max(times) - min(times)
        permitted = float(str(bucket["capacity"])) + float(str(bucket["restore_rate"])) * span
        lines.append(
            f"{bucket['seller']} {bucket['operation']}: {len(times)} requests in {span:.1f} s,"
            f" {len(times) / permitted:.0%} of the permitted rate,"
            f" {bucket['throttles']} throttled"
        )
    return lines

"""What the tour shows: the orders on their way, and the table at the end."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from worker.bootstrap import runtime
from worker.demo.scene import Scene
from worker.domain.jobs import FINAL
from worker.ledger import queries, standings
from worker.ledger.filters import Filters

PATIENCE = 120.0  # seconds until the tour gives up
COLUMNS = (
    "order",
    "task",
    "what happens",
    "state",
    "requests",
    "provider said",
    "waited for quota",
)
FOLDED = ("what happens", "provider said")  # whichever comes first gets room first
NUMBERS = {"requests", "waited for quota"}
WIDE = 120  # characters, from which there is a place for
WIDE_ONLY = {"task", "waited for quota"}
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
    rows = [_row(scene, by_order.get(scene.order_id)) for scene in scenes]
    console.print(_table(rows), crop=False)
    console.print()
    for line in _usage(jobs):
        console.print(line)
    wrong = sum(not _is_right(scene, by_order.get(scene.order_id)) for scene in scenes)
    ended = Counter(job["state"] for job in jobs)
    summary = ", ".join(f"{count} {state}" for state, count in ended.items())
    verdict = "[green]each as it must[/]" if not wrong else f"[red]{wrong} not as they must[/]"
    console.print(f"\n{len(jobs)} jobs: {summary}; {verdict}.")
    return 1 if wrong else 0


def _table(rows: Sequence[Sequence[Text]]) -> Table:
    """Orders and states are never shortened: what was said and what happens fold, and on a
    narrow screen two columns are left out.
    """
    narrow = console.width < WIDE
    gap = 1 if narrow else 2
    places = [place for place, name in enumerate(COLUMNS) if not (narrow and name in WIDE_ONLY)]
    widths = _widths(rows, places, console.width - gap * (len(places) - 1))
    out = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for place in places:
        name = COLUMNS[place]
        justify: JustifyMethod = "right" if name in NUMBERS else "left"
        out.add_column(name, width=widths[place], no_wrap=name not in FOLDED, justify=justify)
    for row in rows:
        out.add_row(*(row[place] for place in places))
    return out


def _widths(rows: Sequence[Sequence[Text]], places: Sequence[int], room: int) -> dict[int, int]:
    """Each column as wide as its longest text; those that fold get of the room what is left."""
    texts = {place: [COLUMNS[place], *(row[place].plain for row in rows)] for place in places}
    widths = {place: max(map(len, texts[place])) for place in places}
    folded = {COLUMNS.index(name): widths[COLUMNS.index(name)] for name in FOLDED}
    for place in folded:  # folded between words, which stay whole
        widths[place] = max(len(word) for text in texts[place] for word in text.split())
    spare = room - sum(widths.values())
    for place, wanted in folded.items():
        more = max(0, min(spare, wanted - widths[place]))
        widths[place] += more
        spare -= more
    return widths


def _is_right(scene: Scene, job: Job | None) -> bool:
    return job is not None and job["state"] == scene.ends


def _row(scene: Scene, job: Job | None) -> list[Text]:
    """What the columns say of one order, in their sequence."""
    right = _is_right(scene, job)
    state = job["state"] if job else "missing"
    return [
        Text(scene.order_id),
        Text(scene.task),
        Text(scene.note),
        Text(state if right else f"{state} (not {scene.ends})", "green" if right else "red"),
        Text(str(job["attempt_count"]) if job else ""),
        Text(" → ".join(_said(attempt) for attempt in job["attempts"]) if job else ""),
        Text(f"{_waited(job):.1f} s" if job else ""),
    ]


def _jobs(expected: int) -> list[Job]:
    ledger = runtime().ledger
    newest = list(queries.find(ledger, Filters(), expected))
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

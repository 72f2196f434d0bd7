"""`--wait`: follow jobs until all of them have ended, whichever process works on them."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from worker.cli import printing
from worker.cli.failures import say
from worker.cli.printing import plain

if TYPE_CHECKING:
    from worker.ledger.ledger import Ledger

FIRST = 0.05  # seconds between two looks, growing
LONGEST = 1.0
UNTAKEN = 3.0  # seconds after which it is asked whether anybody works at all


def until_final(ledger: "Ledger", job_ids: Sequence[str], *, tell: bool) -> list[dict[str, Any]]:
    """The jobs as they ended. With `tell`, a line for each when it does."""
    from worker.domain.jobs import FINAL
    from worker.ledger import queries

    ended: dict[str, dict[str, Any]] = {}
    pause = FIRST
    ask_at: float | None = time.monotonic() + UNTAKEN
    try:
        while waited_for := [job_id for job_id in dict.fromkeys(job_ids) if job_id not in ended]:
            found = queries.of_ids(ledger, waited_for)
            news = [job for job in found if job["state"] in FINAL]
            ended |= {job["id"]: job for job in news}
            for job in news if tell else ():
                click.echo(f"{plain(job['order_id'])}  {job['id']}  {_ending(job)}")
            if ended or any(map(_was_taken, found)):
                ask_at = None
            if ask_at is not None and time.monotonic() >= ask_at:
                ask_at = None
                say("No worker has taken it yet: is `order-worker run` running?")
            pause = FIRST if news else min(pause * 1.2, LONGEST)
            if len(news) < len(waited_for):
                time.sleep(pause)
    except KeyboardInterrupt:
        say("No longer waiting; the jobs go on. `order-worker show` tells about them.")
        raise
    return [ended[job_id] for job_id in dict.fromkeys(job_ids)]


def _was_taken(job: dict[str, Any]) -> bool:
    """Whether a worker had it, or something else than a worker is in its way."""
    return bool(job["attempts"]) or job["waiting_for"] != "turn"


def _ending(job: dict[str, Any]) -> str:
    error = job["error"] or {}
    why = error.get("advice") or error.get("message")
    if job["state"] == "succeeded" or not why:
        return printing.status(job)
    return f"{job['state']} ({printing.said(error.get('code'), why)})"

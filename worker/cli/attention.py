"""A job that needs a person or the buyer, for people: what is wrong, and what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker.cli.printing import SHORT, lately, plain, said, short, status

INDENT = " " * (SHORT + 2)


def lines(job: Mapping[str, Any]) -> Iterator[str]:
    """Which job, what the provider said, and the sentence that says what to do."""
    error = job["error"] or {}
    since = lately(job["finished_at"] or job["accepted_at"])
    of = f"{job['task']} {plain(job['order_id'])} of {plain(job['seller'])}"
    yield f"{short(job['id'])}  {of}: {status(job)}, {since}"
    why = said(error.get("code"), error.get("message"))
    if why and error.get("message") != job["to_do"]:
        yield f"{INDENT}{why}"
    yield f"{INDENT}to do: {plain(job['to_do'])}"

"""A job's history for people: what happened when, and what comes next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from worker.cli.printing import clock, is_past, moment, plain, said, status
from worker.domain.telling import AWAITED, BASIS, FINAL, lasting

Event = tuple[str, int, str]  # ISO time, place among events of one moment, words


def lines(job: Mapping[str, Any]) -> Iterator[str]:
    """The job's heading, its events in their order, its end or what comes next."""
    yield f"{job['task']} {plain(job['order_id'])} of {plain(job['seller'])}: {status(job)}"
    yield f"  job       {plain(job['id'])}, priority {job['priority']}"
    for word in ("parent_order_id", "reason", "reason_detail"):
        if job[word] is not None:
            yield f"  {word.replace('_', ' ')}: {plain(job[word])}"
    day = ""
    for at, _, words in sorted(_events(job)):
        if at[:10] != day:
            day = at[:10]
            yield f"  {day} (UTC)"
        yield f"    {clock(at)}  {words}"
    yield from _end(job)


def of_order(told: Mapping[str, Any]) -> str:
    """What somebody did to an order by no job: kept it from the sweeps, or released it."""
    why = f" ({plain(told['why'])})" if told["why"] else ""
    order = f"order {plain(told['order_id'])} of {plain(told['seller'])}"
    return f"{moment(told['at'])}  {order}: {plain(told['to'])} by {plain(told['actor'])}{why}"


def _events(job: Mapping[str, Any]) -> Iterator[Event]:
    own = [each for each in job["transitions"] if each["subject"] == "job"]
    ends = {id(one): other["at"] for one, other in pairwise(own)}
    for transition in job["transitions"]:
        if words := _transition(transition):
            yield transition["at"], 3, words + _lasted(transition, ends.get(id(transition)))
    for attempt in job["attempts"]:
        began, ended = attempt["claimed_at"], attempt["finished_at"]
        verb = "looked up with" if _is_lookup(attempt) else "sent"
        yield began, 1, f"{verb} {attempt['operation']} (attempt {attempt['number']})"
        if ended is not None:
            at = min(ended, _followed(job, began) or ended)
            # A check's answer lets the next request go in the same moment.
            place = 0 if attempt["step"] == "lookup:check" else 2
            yield at, place, f"came back: {_came_back(attempt)}"


def _followed(job: Mapping[str, Any], began: str) -> str | None:
    """When the job went on after an attempt: its answer is written in the same transaction, a
    moment later.
    """
    for transition in job["transitions"]:
        if transition["at"] > began and transition["to"] != "running":
            return str(transition["at"])
    return None


def _lasted(transition: Mapping[str, Any], end: str | None) -> str:
    """How long a wait was; nothing of what is still on, or is no wait after the first."""
    if end is None or transition["from"] is None or transition["to"] != "waiting":
        return ""
    began, ended = (datetime.fromisoformat(at) for at in (transition["at"], end))
    return f": {lasting((ended - began).total_seconds())}"


def _transition(transition: Mapping[str, Any]) -> str:
    to, why, awaited = transition["to"], plain(transition["why"]), transition["waiting_for"]
    if transition["subject"] == "details":
        return f"the buyer's details were {plain(to)} by {plain(transition['actor'])} ({why})"
    if transition["subject"] == "order":
        return f"the order is {plain(to)}"
    if transition["from"] is None and to == "waiting":
        return f"accepted from {plain(transition['actor'])}"
    if transition["from"] == "failed":
        return f"retried by {plain(transition['actor'])}" + (f" ({why})" if why else "")
    if to == "running":
        return ""  # the attempt tells it
    if to == "waiting":
        return f"waits for {AWAITED.get(awaited, 'its turn')}" + (f" ({why})" if why else "")
    words = "in doubt" if to == "in_doubt" else f"{to} by {plain(transition['actor'])}"
    return words + (f" ({why})" if why else "")


def _came_back(attempt: Mapping[str, Any]) -> str:
    told = [f"{attempt['status']}" if attempt["status"] is not None else "no answer"]
    if attempt["code"] or attempt["message"]:
        told.append(said(attempt["code"], attempt["message"]).rstrip("."))
    if attempt["request_id"]:
        told.append(f"request {plain(attempt['request_id'])}")
    return f"{_outcome(attempt)} ({', '.join(told)})"


def _outcome(attempt: Mapping[str, Any]) -> str:
    """A lookup applies nothing: what it found is told by what the job does next."""
    is_read = attempt["outcome"] == "applied" and _is_lookup(attempt)
    return "answered" if is_read else plain(attempt["outcome"])


def _is_lookup(attempt: Mapping[str, Any]) -> bool:
    return str(attempt["step"]).startswith("lookup")


def _end(job: Mapping[str, Any]) -> Iterator[str]:
    if job["state"] in FINAL:
        yield f"  end       {moment(job['finished_at'])}  {FINAL[job['state']]}"
        yield from _receipt(job["receipt"] or {}, job["attempts"])
        yield from _error(job["error"] or {}, job["state"])
    else:
        yield f"  next      {_next(job)}"
        if job["expected_basis"] is not None:
            yield f"  basis     {plain(job['expected_basis'])}"


def _next(job: Mapping[str, Any]) -> str:
    if job["state"] == "running":
        until = moment(job["lease_until"])
        return f"{plain(job['worker'])} has it now, its lease lasts until {until}"
    if job["state"] == "in_doubt":
        return f"the order is looked up: a request may have been applied{_when(job)}"
    if job["waiting_for"] == "buyer":
        return f"waits for {AWAITED['buyer']}, looked up again at {moment(job['due_at'])}"
    awaited = AWAITED.get(job["waiting_for"], "its turn")
    if job["effect"] == "applied":
        return f"it is applied; to read the order's details it waits for {awaited}{_when(job)}"
    return f"waits for {awaited}{_when(job)}"


def _when(job: Mapping[str, Any]) -> str:
    """When it goes on, as foreseen or as put off. What has been due says only what it waits for."""
    if job["expected_at"] is not None:
        return f", expected at {moment(job['expected_at'])}"
    return "" if is_past(job["due_at"]) else f", due {moment(job['due_at'])}"


def _receipt(receipt: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    told = [
        f"{word.replace('_', ' ')} {plain(receipt[word])}{_in_words(word, receipt[word])}"
        for word in ("order_state", "basis")
        if receipt.get(word)
    ]
    if request_id := receipt.get("request_id"):
        looked_up = request_id in {a["request_id"] for a in attempts if _is_lookup(a)}
        told.append(f"request {plain(request_id)}{' (the lookup)' if looked_up else ''}")
    if told:
        yield f"  receipt   {', '.join(told)}"
    if receipt.get("why"):
        yield f"  because   {plain(receipt['why'])}"


def _in_words(word: str, value: str) -> str:
    return f" ({BASIS[value]})" if word == "basis" and value in BASIS else ""


def _error(error: Mapping[str, Any], state: str) -> Iterator[str]:
    why = said(error.get("code"), error.get("message"))
    if why:
        yield f"  {'because' if state == 'withdrawn' else 'error  '}   {why}"
    if error.get("advice"):
        yield f"  to do     {plain(error['advice'])}"

"""The lines of a worker and of the web against the ledger that they wrote: one for each change of
a job's state and for each attempt, with the same words.
"""

import json
import re

import httpx2
import pytest
from processes import until
from sqlalchemy import select

from worker.ledger.schema import attempts, jobs, transitions
from worker.ledger.turns import RESERVED

ORDER = "S01-4000000-000000"
TRACE = "0af7651916cd43dd8448eb211c80319c"
COMMON = {"timestamp", "level", "event", "logger", "job", "seller", "order", "trace_id"}
OF_JOB = COMMON | {"was", "state", "waiting_for", "why", "actor"}
OF_ATTEMPT = COMMON | {"operation", "attempt", "outcome", "found", "status", "code", "request_id"}


@pytest.fixture
def lines(shop, sandbox):
    """The lines of a shop in which jobs have had every kind of trouble, and its ledger."""
    shop.configuration(worker__max_attempts=2, worker__lookup_after_confirm=True)
    now = shop.ledger()
    made = shop.order_worker("token", "till", "--scopes", "read,enqueue,operate")
    web = shop.start("worker", "web", "--port", "0")
    url = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(web)))[0]
    troubles = {
        2: {"status": 503, "code": "RequestThrottled"},
        3: {"status": 500, "body": "html"},
        4: {"status": 400, "code": "ConstraintsExist"},
    }
    for number, answer in troubles.items():
        match = {"operation": "ConfirmOrderReference", "order_id": f"{ORDER}{number}"}
        sandbox.add_fault(match=match, answer=answer)
    gone = {"operation": "ConfirmOrderReference", "order_id": f"{ORDER}5"}
    sandbox.add_fault(match=gone, times=2, answer={"status": 500, "body": "html"})
    headers = {
        "Authorization": f"Bearer {made.stdout.splitlines()[-1]}",
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    }
    with httpx2.Client(base_url=url, headers=headers) as till:
        words = {"task": "confirm", "seller": "acme"}
        asked = [{**words, "order_id": f"{ORDER}{number}"} for number in range(1, 7)]
        ids = [job["id"] for job in till.post("/v1/jobs", json=asked).json()]
        assert till.post(f"/v1/jobs/{ids[5]}/withdraw").status_code == 200
        worker = shop.start_worker()
        wanted = ["succeeded", "succeeded", "succeeded", "rejected", "failed", "withdrawn"]
        until(lambda: [till.get(f"/v1/jobs/{one}").json()["state"] for one in ids] == wanted)
        assert till.post(f"/v1/jobs/{ids[4]}/retry", json={"why": "again"}).status_code == 200
        until(lambda: till.get(f"/v1/jobs/{ids[4]}").json()["state"] == "succeeded")
    worker.terminate()  # its last line is written before it ends
    worker.wait(20)
    said = "\n".join(map(shop.log_of, (web, worker))).splitlines()
    return now, [json.loads(line) for line in said if line.startswith("{")]


def test_each_change_of_state_and_each_attempt_has_one_line(lines):
    now, said = lines
    with now.ledger.database.read() as connection:
        steps = connection.execute(select(transitions).where(transitions.c.job_id.is_not(None)))
        steps = steps.all()
        of_attempts = select(attempts).where(attempts.c.number != RESERVED)
        calls = connection.execute(of_attempts).all()
        orders = {row.id: row.order_id for row in connection.execute(select(jobs))}

    changed = [line for line in said if line["event"] == "job"]
    assert sorted(
        (line["job"], str(line["was"]), line["state"], str(line["why"]), line["actor"])
        for line in changed
    ) == sorted(
        (row.job_id, str(row.old), row.new, str(row.why), row.actor)
        for row in steps
        if row.subject == "job"
    )
    sent = [line for line in said if line["event"] == "attempt"]
    words = ("operation", "outcome", "status", "code", "request_id")
    assert sorted(
        (line["job"], line["attempt"], *(str(line[word]) for word in words)) for line in sent
    ) == sorted(
        (row.job_id, row.number, *(str(getattr(row, word)) for word in words)) for row in calls
    )
    assert {line["outcome"] for line in sent} == {"applied", "throttled", "unknown", "rejected"}

    assert {frozenset(line) for line in changed} == {frozenset(OF_JOB)}
    assert {frozenset(line) for line in sent} == {frozenset(OF_ATTEMPT)}
    for line in [*changed, *sent]:
        assert line["order"] == orders[line["job"]]
        assert line["trace_id"] == TRACE

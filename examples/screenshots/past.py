"""An hour of a busy shop, as rows of the ledger: more than a tour of half a minute could show."""

import math
import random
from typing import Any

from sqlalchemy import insert, select, update

from worker.bootstrap import Runtime
from worker.domain.decisions import Circumstances, decide
from worker.domain.jobs import Task
from worker.domain.outcomes import Answer, Outcome
from worker.ledger import acceptance, claims, routing, settlements
from worker.ledger.acceptance import Terms
from worker.ledger.claims import Claim
from worker.ledger.schema import attempts, jobs, transitions

HOUR = 3600.0  # seconds
REJECTED_SHARE = 0.01
UNTIL = 20.0  # seconds ago: from then on it is the tour's
APPLIED = Answer(Outcome.APPLIED, status=200)
REJECTED = Answer(
    Outcome.REJECTED,
    status=400,
    code="PaymentMethodNotAllowed",
    message="The payment method that the buyer selected is not allowed.",
    advice="The buyer has to choose another payment method, then confirm the order again.",
)
KINDS = {"succeeded": APPLIED, "rejected": REJECTED}


def write_past(now: Runtime) -> None:
    """Copies of one job of each kind, some ten a minute with their ups and downs."""
    routing.prepare(now.ledger)
    templates = {kind: _template(now, kind, answer) for kind, answer in KINDS.items()}
    database = now.ledger.database
    with database.transaction() as connection:
        begins = database.now(connection) - HOUR
        for table, column in (
            (jobs, jobs.c.accepted_at),
            (attempts, attempts.c.claimed_at),
            (transitions, transitions.c.at),
        ):
            connection.execute(update(table).values({column: begins - 60.0}))
        connection.execute(update(jobs).values(finished_at=begins - 59.0))
        for number, seconds in enumerate(_moments()):
            kind = "rejected" if random.random() < REJECTED_SHARE else "succeeded"
            _copy(connection, templates[kind], number, begins + seconds)


def _moments() -> list[float]:
    """Seconds from the beginning at which jobs were accepted, the first first."""
    found, at = [], 0.0
    while at < HOUR - UNTIL:
        busy = 22 + 9 * math.sin(at / 620) + 5 * math.sin(at / 170)  # jobs a minute
        at += random.expovariate(busy / 60)
        found.append(at)
    return found[:-1]


def _copy(connection: Any, template: dict[str, Any], number: int, at: float) -> None:
    took = 0.25 + random.expovariate(2.2)
    job_id, order = f"{template['job']['id']}-{number}", f"P01-3{number // 9999:06}-{number:07}"
    of_job = {"job_id": job_id}
    times = {"accepted_at": at, "due_at": at, "finished_at": at + took}
    names = {"id": job_id, "order_id": order, "key": f"confirm/{order}"}
    connection.execute(insert(jobs).values({**template["job"], **names, **times}))
    claimed = {"claimed_at": at + took / 3, "finished_at": at + took}
    connection.execute(insert(attempts).values({**template["attempt"], **of_job, **claimed}))
    for place, row in enumerate(template["steps"]):
        moment = {"at": at + took * place / (len(template["steps"]) - 1)}
        connection.execute(insert(transitions).values({**row, **of_job, **moment}))


def _template(now: Runtime, kind: str, answer: Answer) -> dict[str, Any]:
    """The rows of one job that has come to such an end, by the ledger's own verbs."""
    request = now.producers.request(
        Task.CONFIRM, (f"P01-0000000-000000{len(kind)}",), {"seller": "acme"}
    )
    job_id = acceptance.accept(now.ledger, request, Terms(kind, "shop", may_publish=False)).job_id
    held = claims.claim(now.ledger, job_id, "worker")
    if not isinstance(held, Claim):
        raise TypeError(f"{job_id} was not claimed: {held}")
    at = Circumstances(now=held.turn.at, can_look_up=False)
    decision = decide(held.job, answer, at, now.ledger.policy)
    settlements.settle(now.ledger, held, answer, decision)
    with now.ledger.database.read() as connection:
        job = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
        attempt = connection.execute(select(attempts).where(attempts.c.job_id == job_id)).one()
        steps = connection.execute(select(transitions).where(transitions.c.job_id == job_id)).all()
    return {
        "job": _without_key(job, "seq"),
        "attempt": _without_key(attempt, "id"),
        "steps": [_without_key(each, "id") for each in steps],
    }


def _without_key(row: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != key}

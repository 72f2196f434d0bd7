"""A ledger as it is after a busy week: a million jobs with their requests and histories, written by
the database itself as copies of one job of each kind and seller, in the order of their acceptance.

Nine in ten have succeeded, of the newest tenth nine in ten wait; one in a hundred was rejected, one
in a hundred has failed, one in two thousand is in doubt, one in five thousand is a cancel.
"""

import time
from collections.abc import Mapping

from sqlalchemy import Table, text

from worker.bootstrap import Runtime
from worker.domain.decisions import Circumstances, decide
from worker.domain.jobs import Request, Task
from worker.domain.outcomes import Answer, Outcome
from worker.ledger import acceptance, claims, routing, settlements, upgrade
from worker.ledger.acceptance import Terms
from worker.ledger.holds import Claim
from worker.ledger.schema import attempts, jobs, orders, transitions

WEEK = 7 * 86400.0  # seconds
ANSWERS: Mapping[str, Answer | None] = {
    "succeeded": Answer(Outcome.APPLIED, status=200, request_id="request"),
    "rejected": Answer(
        Outcome.REJECTED, status=400, code="ConstraintsExist", message="AmountNotSet"
    ),
    "failed": Answer(Outcome.REFUSED, message="connection refused"),
    "doubt": Answer(Outcome.UNKNOWN, message="no answer"),
    "cancel": Answer(Outcome.APPLIED, status=200, request_id="request"),
    "ready": None,
}


def fill(now: Runtime, number: int) -> None:
    """Make so many jobs, and let the database look at its tables if it does that by itself."""
    ledger = now.ledger
    upgrade.upgrade(ledger.database)
    routing.prepare(ledger)
    for seller in now.settings.sellers:
        for kind, answer in ANSWERS.items():
            _template(now, kind, seller, answer)
    begins, step = time.time() - WEEK, WEEK / number
    at = f"({begins!r} + n * {step!r})"
    took = "(0.2 + n % 500 * 0.02)"
    of = _template_of(number, list(now.settings.sellers))
    numbered = {each: f"t.{each} || '-' || n" for each in ("id", "order_id", "key", "job_id")}
    ends = {"finished_at": f"CASE WHEN t.finished_at IS NOT NULL THEN {at} + {took} END"}
    then = {
        "accepted_at": at,
        "due_at": at,
        "claimed_at": at,
        "at": f"{at} + (t.id % 3) * {took} / 2",
    }
    for table, key in ((jobs, "id"), (attempts, "job_id"), (transitions, "job_id")):
        _copy(now, table, f"t.{key} = {of}", {**numbered, **ends, **then}, number)
    with ledger.database.transaction() as connection:
        connection.execute(
            text(
                f"INSERT INTO {orders.name} (seller, order_id, state, state_at, in_doubt)"  # noqa: S608
                f" SELECT seller, order_id, 'Open', accepted_at, false FROM {jobs.name}"
                " WHERE finished_at IS NOT NULL AND id LIKE 'succeeded-%-%'"
            )
        )
    if not ledger.database.is_sqlite:
        with ledger.database.engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.execute(text("VACUUM ANALYZE"))


def _template(now: Runtime, kind: str, seller: str, answer: Answer | None) -> None:
    """One job of a kind, brought to where it stands by the ledger's own verbs."""
    task = Task.CANCEL if kind == "cancel" else Task.CONFIRM
    request = Request(task, seller, f"S01-{kind}", reason="stale" if kind == "cancel" else None)
    terms = Terms(f"{kind}-{seller}", "benchmark", may_publish=False)
    job_id = acceptance.accept(now.ledger, request, terms).job_id
    if answer is None:
        return
    held = claims.claim(now.ledger, job_id, "worker")
    if not isinstance(held, Claim):
        raise TypeError(f"{job_id} was not claimed: {held}")
    at = Circumstances(now=held.turn.at, can_look_up=True)
    settlements.settle(now.ledger, held, answer, decide(held.job, answer, at, now.ledger.policy))


def _template_of(number: int, sellers: list[str]) -> str:
    """Which job the n-th is a copy of, as SQL."""
    kind = (
        f"CASE WHEN n > {number * 9 // 10} AND n % 10 <> 0 THEN 'ready'"
        " WHEN n % 100 = 7 THEN 'rejected' WHEN n % 100 = 13 THEN 'failed'"
        " WHEN n % 2000 = 3 THEN 'doubt' WHEN n % 5000 = 1 THEN 'cancel' ELSE 'succeeded' END"
    )
    names = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(sellers))
    return f"{kind} || '-' || CASE n / 7 % {len(sellers)} {names} END"


def _copy(now: Runtime, table: Table, where: str, values: Mapping[str, str], number: int) -> None:
    plain = [each.name for each in table.columns if not each.primary_key]
    names = ", ".join(f'"{name}"' for name in plain)
    chosen = ", ".join(values.get(name) or f't."{name}"' for name in plain)
    with now.ledger.database.transaction() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE numbers(n) AS"  # noqa: S608 - names of the schema
                f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {number})"
                f" INSERT INTO {table.name} ({names})"
                f" SELECT {chosen} FROM numbers JOIN {table.name} t ON {where} ORDER BY n"
            )
        )

"""No hot statement reads a whole table, however many jobs sleep and however many have ended.

Each verb is run, and every statement that it has executed is explained.
"""

import re
from contextlib import contextmanager

import pytest
from psycopg import RawCursor
from sqlalchemy import event

from tests.conformance.steps import (
    REFUSED,
    THROTTLED,
    Quotas,
    accept,
    confirm,
    decision_on,
    hold,
    settle,
)
from worker.ledger import (
    attendance,
    calls,
    claims,
    minutes,
    overview,
    queries,
    recovery,
    retries,
    rounds,
    routing,
    settlements,
    standings,
    withdrawals,
    within,
)
from worker.ledger.acceptance import Terms
from worker.ledger.compiled import Compiled
from worker.ledger.filters import Filters
from worker.ledger.holds import Claim
from worker.ledger.pipeline import IN_SEQUENCE
from worker.ledger.retention import details, forgotten
from worker.ledger.schema import PREFIX, attempts, jobs, transitions
from worker.ledger.verification import histories

pytestmark = pytest.mark.by_hand  # rows of every state

MANY = 20_000
READY = 50
LARGE = f"{PREFIX}(jobs|attempts|transitions)"
SCANS = re.compile(rf"Seq Scan on {LARGE}|SCAN {LARGE}$")


@pytest.fixture
def full(open_ledger):
    """A ledger with many jobs that sleep and many that have ended, and the ids of some ready."""
    ledger = open_ledger(Quotas(capacity=100.0))
    routing.prepare(ledger)
    accept(ledger, confirm(0), job_id="parked", due_in=3600.0)
    accept(ledger, confirm(1), job_id="final")
    settle(ledger, hold(ledger, "final"))
    accept(ledger, confirm(READY + 2), job_id="failed")
    settle(ledger, hold(ledger, "failed"), REFUSED, max_attempts=1)
    with ledger.database.write() as connection:
        for of in ("parked", "final", "failed"):
            copy(connection, jobs, f"id = '{of}'", ("id", "order_id", "key"))
            copy(connection, attempts, f"job_id = '{of}'", ("job_id",))
            copy(connection, transitions, f"job_id = '{of}'", ("job_id",))
    ids = [accept(ledger, confirm(2 + number)).job_id for number in range(READY)]
    with ledger.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    return ledger, ids


def copy(connection, of, where, numbered):
    """Many copies of a row, the same but for its key and a number behind these columns."""
    plain = [each.name for each in of.columns if each.name not in of.primary_key.columns]
    values = [f"{name} || '-' || n" if name in numbered else f'"{name}"' for name in plain]
    names = ", ".join(f'"{name}"' for name in plain)
    connection.exec_driver_sql(
        "WITH RECURSIVE numbers(n) AS"  # noqa: S608 - names of the schema
        f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"
        f" INSERT INTO {of.name} ({names})"
        f" SELECT {', '.join(values)} FROM {of.name}, numbers WHERE {where}"
    )


@contextmanager
def recorded(ledger):
    """The statements that are executed meanwhile, with one set of parameters each."""
    found = {}

    def note(_connection, _cursor, statement, parameters, _context, _many):
        found.setdefault(statement, parameters)

    bound = Compiled.values

    def noting(known, given):
        values = bound(known, given)
        found.setdefault(known.sql, values)
        return values

    event.listen(ledger.database.engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compiled, "values", noting)
        yield found
    event.remove(ledger.database.engine, "before_cursor_execute", note)


def explained(ledger, statements, *, in_sequence=False):
    """The plan of each statement, one text each; `in_sequence`: as in the ledger's own
    transactions.
    """
    explain = "EXPLAIN QUERY PLAN " if ledger.database.is_sqlite else "EXPLAIN (COSTS OFF) "
    plans = {}
    with ledger.database.transaction() as connection:
        if in_sequence and not ledger.database.is_sqlite:
            connection.execute(IN_SEQUENCE)
        raw = connection.connection.dbapi_connection
        cursors = {list: raw.cursor() if ledger.database.is_sqlite else RawCursor(raw)}  # $1
        for statement, parameters in statements.items():
            if re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)", statement):
                cursor = cursors.get(type(parameters)) or raw.cursor()
                lines = cursor.execute(explain + statement, parameters).fetchall()
                plans[statement] = "\n".join(str(line[-1]) for line in lines)
    return plans


VERBS = {
    "does anybody work": lambda ledger, _ids: attended(ledger),
    "accept": lambda ledger, _ids: accept(ledger, confirm(9_000_000)),
    "accept again": lambda ledger, _ids: accept(ledger, confirm(1), again=True),
    "accept within": lambda ledger, _ids: accept_within(ledger),
    "claim": lambda ledger, ids: hold(ledger, ids.pop(0)),
    "claim out of turn": lambda ledger, ids: claims.claim(ledger, ids[-1], "worker"),
    "settle": lambda ledger, ids: settle(ledger, hold(ledger, ids.pop(0))),
    "retry": lambda ledger, ids: retry(ledger, ids.pop(0)),
    "wait and take": lambda ledger, ids: wait_and_take(ledger, hold(ledger, ids.pop(0))),
    "withdraw": lambda ledger, ids: withdrawals.withdraw(ledger, ids.pop(0), "operator", "no"),
    "due for retry": lambda ledger, _ids: retries.due_for_retry(ledger, 3600.0, 3, 100),
    "needs attention": lambda ledger, _ids: list(
        queries.find(ledger, Filters(needs_attention=True), 50)
    ),
    "recover": lambda ledger, _ids: recovery.recover(ledger, "dispatcher"),
    "wake": lambda ledger, _ids: wake_one(ledger),
    "dispatch": lambda ledger, ids: rounds.dispatch(ledger, "worker", 16, ids[:3], 1.0),
    "verify": lambda ledger, _ids: verify(ledger),
    "prune": lambda ledger, _ids: prune(ledger),
    "overview": lambda ledger, _ids: overview.look(ledger),
    "minutes": lambda ledger, _ids: minutes.read(ledger, 0.0, 60.0),
    "calls": lambda ledger, _ids: calls.recent(ledger),
    "quotas": lambda ledger, _ids: standings.quotas(ledger),
}


INDEXES = {
    "accept": {"jobs_order"},
    "accept within": {"jobs_order", "jobs_key"},
    "claim": {"jobs_turn", "jobs_due", "attempts_in_flight"},
    "retry": {"jobs_key"},
    "due for retry": {"jobs_failed", "jobs_order"},
    "needs attention": {"jobs_attention", "jobs_order"},
    "recover": {"jobs_deadline"},
    "wake": {"jobs_due", "jobs_unrouted"},
    "dispatch": {"jobs_turn", "jobs_due", "jobs_deadline", "jobs_continue"},
    "does anybody work": {"jobs_due", "jobs_unrouted", "jobs_turn"},
    "verify": {"jobs_order", "attempts_job", "transitions_job"},
    "overview": {"jobs_due", "jobs_turn", "jobs_state"},
    "minutes": {"jobs_finished"},
    "calls": {"attempts_bucket"},
    "quotas": {"jobs_turn", "attempts_in_flight"},
    "prune": {"jobs_finished", "jobs_details", "jobs_order"},
}


def test_no_statement_reads_a_whole_table_and_each_index_is_used(full):
    ledger, ids = full
    for verb, run in VERBS.items():
        with recorded(ledger) as statements:
            run(ledger, ids)
        plans = explained(ledger, statements)
        assert plans
        for statement, plan in plans.items():
            assert not scan(plan), f"{verb}\n{statement}\n{plan}"
        used = set(re.findall(rf"\b{PREFIX}(\w+)", "\n".join(plans.values())))
        assert INDEXES.get(verb, set()) <= used, verb


def scan(plan):
    return any(SCANS.search(line) for line in plan.splitlines())


def wait_and_take(ledger, held):
    settlements.note(ledger, held, THROTTLED, decision_on(ledger, held, THROTTLED))
    claims.take(ledger, held)


def accept_within(ledger):
    with ledger.database.engine.begin() as shop:
        terms = Terms("within", "producer", new_id=True)
        for _ in range(2):  # the second finds the first
            within.accept(ledger, shop, confirm(9_000_002), terms, print)


def retry(ledger, job_id):
    settle(ledger, hold(ledger, job_id), REFUSED, max_attempts=1)
    retries.retry(ledger, job_id, actor="operator")


def attended(ledger):
    """As of a ledger that nobody has touched for a while: each of the questions is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attendance, "GRACE", -10.0)
        assert attendance.nobody_works(ledger, ["nobody"])


def verify(ledger):
    pages = histories.pages(ledger, size=50)  # of these few rows PostgreSQL would rather read all
    next(pages)
    next(pages)


def prune(ledger):
    """The first step of each kind."""
    details.remove(ledger.database, 0.0, details.FIRST, "retention")
    forgotten.remove(ledger.database, 0.0, forgotten.FIRST, ())


def wake_one(ledger):
    accept(ledger, confirm(9_000_001), due_in=0.001)
    routing.wake_sleepers(ledger)


def test_a_scan_would_be_seen(full):
    ledger, _ = full
    plans = explained(ledger, {"SELECT count(*) FROM order_worker_jobs WHERE worker = 'x'": ()})
    assert [scan(plan) for plan in plans.values()] == [True]


READS_ALL = rf"Seq Scan on {PREFIX}jobs|SCAN {PREFIX}jobs$|Sort|Bitmap"
CROWDED = (
    *("claim", "claim out of turn", "settle", "recover", "wake", "dispatch"),
    *("overview", "quotas", "calls"),
)


def test_jobs_that_wait_behind_are_not_read(open_ledger):
    """Without statistics, as SQLite's ledgers are, and with most of the jobs ready."""
    ledger = open_ledger(Quotas(capacity=100.0))
    routing.prepare(ledger)
    ids = [accept(ledger, confirm(number)).job_id for number in range(READY)]
    accept(ledger, confirm(READY), job_id="behind")
    with ledger.database.write() as connection:
        copy(connection, jobs, "id = 'behind'", ("id", "order_id", "key"))
    for verb in CROWDED:
        with recorded(ledger) as statements:
            VERBS[verb](ledger, ids)
        for statement, plan in explained(ledger, statements).items():
            by_state = "'waiting'" in statement and "jobs_state" in plan
            assert not by_state, f"{verb}\n{statement}\n{plan}"
            assert "(rank,priority)" not in plan, f"{verb}\n{statement}\n{plan}"
            whole = ledger.database.is_sqlite and f"SCAN {PREFIX}attempts" in plan
            assert not whole, f"{verb}\n{statement}\n{plan}"


@pytest.mark.parametrize("counted", [False, True], ids=["not counted", "counted"])
def test_jobs_that_rank_before_are_counted_no_further_than_it_matters(open_ledger, counted):
    """Whether or not the database has statistics of them by now."""
    ledger = open_ledger(Quotas(capacity=5.0, rate=0.001))
    routing.prepare(ledger)
    accept(ledger, confirm(1), job_id="before")
    with ledger.database.write() as connection:
        copy(connection, jobs, "id = 'before'", ("id", "order_id", "key"))
    accept(ledger, confirm(2, priority=1), job_id="last")
    with ledger.database.write() as connection:
        if counted:
            connection.exec_driver_sql("ANALYZE")
    with recorded(ledger) as statements:
        assert not isinstance(claims.claim(ledger, "last", "worker"), Claim)
    for statement, plan in explained(ledger, statements, in_sequence=True).items():
        assert not re.search(READS_ALL, plan, re.MULTILINE), f"{statement}\n{plan}"

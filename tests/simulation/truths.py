"""What must be so in the ledger at any moment, and what once everything has come to rest."""

from typing import Any

STATES = """
SELECT id, state, (
    SELECT new FROM order_worker_transitions WHERE job_id = job.id AND subject = 'job'
    ORDER BY order_worker_transitions.id DESC LIMIT 1
) AS last
FROM order_worker_jobs AS job WHERE state IS NOT last
"""
GAPS = """
SELECT job_id FROM (
    SELECT job_id, old, lag(new) OVER (PARTITION BY job_id ORDER BY id) AS before
    FROM order_worker_transitions WHERE subject = 'job'
) WHERE old IS NOT before
"""
SAME_KEY = """
SELECT key, count(*) FROM order_worker_jobs
WHERE state NOT IN ('rejected', 'failed', 'withdrawn') GROUP BY key HAVING count(*) > 1
"""
LEFT_RESERVED = """
SELECT job_id FROM order_worker_attempts JOIN order_worker_jobs AS job ON job.id = job_id
WHERE number = 0 AND NOT (state = 'running' AND job.step = 'lookup:check')
"""
BUCKETS = """
SELECT key, operation, capacity, rate, level, level_at FROM order_worker_buckets
WHERE throttles = 0
"""
CALLS = "SELECT claimed_at, finished_at FROM order_worker_attempts WHERE bucket = ?"


def at_any_moment(history: Any) -> None:
    raw = history.witness.ledger
    assert not raw.execute(STATES).fetchall(), "a state is not that of its last transition"
    assert not raw.execute(GAPS).fetchall(), "a transition begins where none has ended"
    assert not raw.execute(SAME_KEY).fetchall(), "two jobs have a key"
    assert not raw.execute(LEFT_RESERVED).fetchall(), "a token is reserved for nobody"
    assert history.provider.throttles() == 0, "a bucket was exceeded"
    for row in raw.execute(BUCKETS).fetchall():
        level_is_that_of_the_calls(raw, row, history.fleet.began, history.fleet.world.now)


def level_is_that_of_the_calls(raw: Any, row: Any, began: float, now: float) -> None:
    """A bucket at rest has the level that follows from the calls that were made, and no others."""
    key, _, capacity, rate, level, level_at = row
    calls = raw.execute(CALLS, (key,)).fetchall()
    if any(finished_at is None for _, finished_at in calls):
        return
    events = [(claimed_at, 1) for claimed_at, _ in calls] + [(ended, -1) for _, ended in calls]
    expected, in_flight, at = capacity, 0, began
    for moment, change in [*sorted(events), (now, 0)]:
        expected = max(
            expected, min(expected + (moment - at) * rate, max(0.0, capacity - in_flight))
        )
        expected, in_flight, at = expected - max(change, 0), in_flight + change, moment
    level = max(level, min(level + (now - level_at) * rate, capacity))
    assert abs(level - expected) < 1e-6, f"{key} has {level} tokens, should have {expected}"


def at_rest(history: Any) -> None:
    raw, provider = history.witness.ledger, history.provider
    jobs = {
        row[0]: row[1:]
        for row in raw.execute(
            "SELECT id, task, order_id, state, error FROM order_worker_jobs"
        ).fetchall()
    }
    assert set(history.jobs) <= set(jobs), "an accepted job was lost"
    for job_id in history.undone:
        assert job_id not in jobs, "a rolled back job left a trace"
        for table in ("order_worker_transitions", "order_worker_attempts", "order_worker_aliases"):
            left = f"SELECT count(*) FROM {table} WHERE job_id = ?"  # noqa: S608
            assert raw.execute(left, (job_id,)).fetchone() == (0,), "a rolled back job left a trace"
    for job_id, (task, order_id, state, error) in jobs.items():
        is_true_at_the_provider(provider, job_id, task, order_id, state, error or "")


def is_true_at_the_provider(
    provider: Any, job_id: str, task: str, order_id: str, state: str, error: str
) -> None:
    told = f"{job_id} is {state}, and {order_id} {provider.orders.get(order_id)}: {error}"
    changed = provider.changed_by[job_id]
    if state == "succeeded" and task == "confirm":
        assert order_id in provider.opened, told
    elif state == "succeeded":
        assert provider.orders[order_id] == "Canceled", told
    elif state == "rejected":  # a lookup may have found what somebody else made of our order
        assert not changed or '"order_state"' in error, told
    elif state == "failed":
        assert not changed or "outcome_unknown" in error, told
    else:
        assert state == "withdrawn", told
        assert not changed, told

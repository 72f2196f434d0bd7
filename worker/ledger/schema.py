"""The tables. Times are epoch seconds, levels are tokens, JSON columns hold plain values.

`jobs.ready` is stored, not computed: a job is ready when it is due and nothing is in its way
but its turn, and a claim counts the ready jobs that rank before it. Sleepers must not cost it
anything, so they are outside of that index.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    text,
)

from worker.ledger.columns import Json, JsonAny, JsonList, JsonStates, String, Text

# A shop that records its jobs in its own transactions has its tables in the same database.
PREFIX = "order_worker_"
VERSION_TABLE = PREFIX + "version"
HEAD = "0008"  # the newest migration; a process that finds another one says so

# The conditions of the partial indexes, as queries must repeat them to be served by one.
HOLDS_KEY = "holds_key"
READY = "ready"
SLEEPING = "NOT ready AND state IN ('waiting', 'in_doubt')"
PARKED = "state IN ('waiting', 'in_doubt')"
RUNNING = "state = 'running'"
UNROUTED = "bucket IS NULL AND state IN ('waiting', 'in_doubt')"
IN_FLIGHT = "finished_at IS NULL"
BY_NO_JOB = "job_id IS NULL"
SWEEPABLE = "authorized_at IS NULL AND kept_at IS NULL"
FAILED = "state = 'failed'"
FINISHED = "finished_at IS NOT NULL"
WITH_DETAILS = "receipt IS NOT NULL AND finished_at IS NOT NULL AND details_removed_at IS NULL"
FOR_SOMEBODY = "(state IN ('rejected', 'failed') OR waiting_for IN ('buyer', 'credentials'))"
TO_CONTINUE = "finished_at IS NOT NULL AND options IS NOT NULL AND continued_at IS NULL"
ALIAS_TO_CONTINUE = "options IS NOT NULL AND continued_at IS NULL"
CHORD_CONTINUED = "continued_at IS NOT NULL"
CHORD_PENDING = "continued_at IS NULL"
NOT_REVOKED = "revoked_at IS NULL"
CHORD_TO_CONTINUE = "complete_at IS NOT NULL AND continued_at IS NULL"

metadata = MetaData()


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that `where` (plain SQL, the same on both databases) selects."""
    condition = text(where)
    return Index(
        PREFIX + name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def by(index: str) -> tuple[Table, str, str]:
    """For a statement's `with_hint`: SQLite reads the jobs by this index, or refuses the statement.

    Left to itself it takes `jobs_state` for any condition on a state, and reads every job that
    waits. PostgreSQL knows better.
    """
    return jobs, f"INDEXED BY {PREFIX}{index}", "sqlite"


Sequence = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers INTEGER keys only

jobs = Table(
    PREFIX + "jobs",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),  # the order of acceptance
    Column("id", String, nullable=False, unique=True),
    Column("task", String, nullable=False),
    Column("seller", String, nullable=False),
    Column("order_id", String, nullable=False),
    Column("parent_order_id", String),
    Column("reason", Text),
    Column("reason_detail", Text),
    Column("success_url", Text),
    Column("failure_url", Text),
    Column("priority", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("holds_key", Boolean, nullable=False),
    Column("previous_id", String),  # the job that had the key before
    # Of a sweep's cancel: the states in which its order may still be cancelled. NULL: of any other.
    Column("stale_states", JsonStates),
    Column("retries", Integer, nullable=False, server_default="0"),  # by the schedule
    Column("state", String, nullable=False),
    Column("waiting_for", String),
    Column("step", String, nullable=False),
    Column("effect", String, nullable=False),
    # Of the next step; NULL until a process that has the seller's keys has seen the job.
    Column("bucket", String),
    Column("rank", Integer, nullable=False),  # kind of step; before priority and acceptance
    Column("ready", Boolean, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("deadline", Float, nullable=False),  # of the present state: the dispatcher ends it
    Column("give_up_at", Float, nullable=False),  # of the job, but for its doubts
    Column("finished_at", Float),
    Column("expires_at", Float),  # its caller's own limit: no schedule retries it beyond
    Column("publish_at", Float, nullable=False),  # not published (again) before this
    Column("publish_count", Integer, nullable=False),  # since the last claim
    Column("attempt_count", Integer, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("costs", Integer, nullable=False),
    Column("backoffs", Integer, nullable=False),
    Column("doubt_since", Float),
    Column("not_applied_at", Float),
    Column("sent_at", Float),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Float),
    Column("lost_leases", Integer, nullable=False),
    Column("worker", String),
    Column("receipt", Json),
    # Since when no buyer's details can be in the receipt, whether there were any or not.
    Column("details_removed_at", Float),
    Column("error", Json),
    Column("options", Json),  # what the caller hung on the task: link, chord, headers, …
    Column("continued_at", Float),  # when Celery had fired what hangs on a final job
    Column("trace", Json),  # the trace context of the call that has recorded it
    partial("jobs_key", "seller", "key", where=HOLDS_KEY, unique=True),
    partial("jobs_turn", "bucket", "rank", "priority", "seq", where=READY),
    partial("jobs_due", "due_at", where=SLEEPING),
    partial("jobs_deadline", "deadline", where=PARKED),
    partial("jobs_lease", "lease_until", where=RUNNING),
    partial("jobs_continue", "publish_at", where=TO_CONTINUE),
    partial("jobs_unrouted", "seq", where=UNROUTED),
    partial("jobs_failed", "finished_at", "seq", where=FAILED),
    partial("jobs_finished", "finished_at", "seq", where=FINISHED),
    partial("jobs_details", "finished_at", "seq", where=WITH_DETAILS),
    partial("jobs_attention", "seq", where=FOR_SOMEBODY),
    Index(PREFIX + "jobs_order", "seller", "order_id", "seq"),
    Index(PREFIX + "jobs_state", "state", "seq"),
    sqlite_autoincrement=True,  # a number is never given twice
)

attempts = Table(
    PREFIX + "attempts",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("job_id", String, ForeignKey(jobs.c.id), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, … of this job
    Column("operation", String, nullable=False),
    Column("step", String, nullable=False),
    Column("bucket", String, nullable=False),
    Column("worker", String, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("finished_at", Float),  # NULL: in flight
    Column("outcome", String),
    Column("status", Integer),
    Column("code", String),
    Column("message", Text),
    Column("request_id", String),
    Index(PREFIX + "attempts_job", "job_id", "number", unique=True),
    partial("attempts_in_flight", "bucket", where=IN_FLIGHT),
    Index(PREFIX + "attempts_bucket", "bucket", "claimed_at"),
    sqlite_autoincrement=True,
)

orders = Table(
    PREFIX + "orders",
    metadata,
    Column("seller", String, primary_key=True),
    Column("order_id", String, primary_key=True),
    Column("state", String),  # the provider's word, as last read or inferred from a success
    Column("state_at", Float),
    # A job gave up on an outcome: the order's next job starts with a lookup.
    Column("in_doubt", Boolean, nullable=False),
    Column("authorized_at", Float),  # when a lookup first showed an authorization or a capture
    Column("kept_at", Float),  # somebody asked that no sweep cancels it
    Column("kept_by", String),
    partial("orders_stale", "seller", "state", "state_at", where=SWEEPABLE),
)

transitions = Table(
    PREFIX + "transitions",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("job_id", String, ForeignKey(jobs.c.id)),  # NULL: of an order, by no job
    Column("seller", String),  # with order_id, where there is no job
    Column("order_id", String),
    Column("subject", String, nullable=False),  # "job", "order", or "details": of the buyer
    Column("old", String),
    Column("new", String, nullable=False),
    Column("waiting_for", String),
    Column("actor", String, nullable=False),  # a worker, "producer", a person's or token's name
    Column("why", Text),
    Index(PREFIX + "transitions_job", "job_id", "id"),
    partial("transitions_order", "seller", "order_id", where=BY_NO_JOB),
    sqlite_autoincrement=True,
)

buckets = Table(
    PREFIX + "buckets",
    metadata,
    Column("key", String, primary_key=True),
    Column("seller", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("capacity", Float, nullable=False),
    Column("rate", Float, nullable=False),
    Column("source", String, nullable=False),
    Column("margin", Float, nullable=False),
    Column("level", Float, nullable=False),
    Column("level_at", Float, nullable=False),
    Column("open_at", Float, nullable=False),
    Column("closed_for", String),
    Column("closed_at", Float, nullable=False),
    Column("outages", Integer, nullable=False),
    Column("closings", Integer, nullable=False),
    Column("throttled_at", Float),
    Column("throttles", Integer, nullable=False),
    Column("served_at", Float, nullable=False),
    Column("numbers_at", Float),  # since when capacity, rate and margin are as they are
    Column("read_at", Float),  # when the configuration was read that they are from
    # What throttles and answers have taught: see worker.domain.learning.
    Column("slowed_to", Float),
    Column("stated_rate", Float),
    Column("learned_rate", Float),
    Column("learned_at", Float),
    Column("learned_from", String),
    Column("accepted", Float, nullable=False, server_default="0"),
    Column("accepted_since", Float),
)

schedules = Table(
    PREFIX + "schedules",
    metadata,
    Column("name", String, primary_key=True),
    Column("every", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("lease_until", Float),
    Column("last_at", Float),
)

aliases = Table(
    PREFIX + "aliases",
    metadata,
    Column("id", String, primary_key=True),  # a Celery task id that stands for …
    Column("job_id", String, ForeignKey(jobs.c.id), nullable=False),
    Column("at", Float, nullable=False),
    # What this asker hung on its call, if it is not what hangs on the job itself.
    Column("options", Json),
    Column("publish_at", Float, nullable=False),
    Column("publish_count", Integer, nullable=False),
    Column("continued_at", Float),
    Index(PREFIX + "aliases_job", "job_id"),
    partial("aliases_continue", "publish_at", where=ALIAS_TO_CONTINUE),
)

results = Table(  # of tasks that are not ours: the user's own, chord bodies, link targets
    PREFIX + "results",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("meta", Json, nullable=False),
    Column("at", Float, nullable=False),
    Index(PREFIX + "results_at", "at"),
)

groups = Table(
    PREFIX + "groups",
    metadata,
    Column("group_id", String, primary_key=True),
    Column("result", JsonAny, nullable=False),
    Column("at", Float, nullable=False),
    Index(PREFIX + "groups_at", "at"),
)

chords = Table(
    PREFIX + "chords",
    metadata,
    Column("id", String, primary_key=True),  # of the group that is the chord's header
    Column("header", JsonList, nullable=False),  # its members' results, as Celery writes them
    Column("body", Json, nullable=False),  # the signature of what follows them all
    Column("at", Float, nullable=False),
    Column("complete_at", Float),  # when the last member was done
    Column("publish_at", Float, nullable=False),
    Column("publish_count", Integer, nullable=False),
    Column("continued_at", Float),  # when the body was sent, or its errbacks were fired
    partial("chords_continue", "publish_at", where=CHORD_TO_CONTINUE),
    partial("chords_continued", "continued_at", where=CHORD_CONTINUED),
    partial("chords_pending", "at", where=CHORD_PENDING),
)

chord_parts = Table(  # the members that are not done
    PREFIX + "chord_parts",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("chord_id", String, ForeignKey(chords.c.id), primary_key=True),
    Index(PREFIX + "chord_parts_chord", "chord_id"),
)

tokens = Table(  # of the web's callers; the secret itself is nowhere
    PREFIX + "tokens",
    metadata,
    Column("hash", String, primary_key=True),
    Column("name", String, nullable=False),  # what its holder did stands under it in histories
    Column("scopes", JsonList, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    partial("tokens_name", "name", where=NOT_REVOKED, unique=True),
)

sessions = Table(  # of browsers that have logged in with a token
    PREFIX + "sessions",
    metadata,
    Column("hash", String, primary_key=True),
    Column("token_hash", String, ForeignKey(tokens.c.hash), nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(PREFIX + "sessions_expires", "expires_at"),
)

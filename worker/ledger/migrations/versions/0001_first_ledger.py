"""The first ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PREFIX = "order_worker_"


def upgrade() -> None:
    op.create_table(
        PREFIX + "buckets",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("seller", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("capacity", sa.Float(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("level_at", sa.Float(), nullable=False),
        sa.Column("open_at", sa.Float(), nullable=False),
        sa.Column("closed_for", sa.String(), nullable=True),
        sa.Column("closed_at", sa.Float(), nullable=False),
        sa.Column("outages", sa.Integer(), nullable=False),
        sa.Column("closings", sa.Integer(), nullable=False),
        sa.Column("throttled_at", sa.Float(), nullable=True),
        sa.Column("throttles", sa.Integer(), nullable=False),
        sa.Column("served_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        PREFIX + "groups",
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("group_id"),
    )
    op.create_table(
        PREFIX + "jobs",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("seller", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("parent_order_id", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_detail", sa.Text(), nullable=True),
        sa.Column("success_url", sa.Text(), nullable=True),
        sa.Column("failure_url", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("holds_key", sa.Boolean(), nullable=False),
        sa.Column("previous_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("deadline", sa.Float(), nullable=False),
        sa.Column("give_up_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("publish_at", sa.Float(), nullable=False),
        sa.Column("publish_count", sa.Integer(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("costs", sa.Integer(), nullable=False),
        sa.Column("backoffs", sa.Integer(), nullable=False),
        sa.Column("doubt_since", sa.Float(), nullable=True),
        sa.Column("not_applied_at", sa.Float(), nullable=True),
        sa.Column("sent_at", sa.Float(), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("lost_leases", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("receipt", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("continued_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        PREFIX + "jobs_continue",
        PREFIX + "jobs",
        ["publish_at"],
        unique=False,
        sqlite_where=sa.text(
            "finished_at IS NOT NULL AND options IS NOT NULL AND continued_at IS NULL"
        ),
        postgresql_where=sa.text(
            "finished_at IS NOT NULL AND options IS NOT NULL AND continued_at IS NULL"
        ),
    )
    op.create_index(
        PREFIX + "jobs_deadline",
        PREFIX + "jobs",
        ["deadline"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('waiting', 'in_doubt')"),
    )
    op.create_index(
        PREFIX + "jobs_due",
        PREFIX + "jobs",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("NOT ready AND state IN ('waiting', 'in_doubt')"),
        postgresql_where=sa.text("NOT ready AND state IN ('waiting', 'in_doubt')"),
    )
    op.create_index(
        PREFIX + "jobs_key",
        PREFIX + "jobs",
        ["seller", "key"],
        unique=True,
        sqlite_where=sa.text("holds_key"),
        postgresql_where=sa.text("holds_key"),
    )
    op.create_index(
        PREFIX + "jobs_lease",
        PREFIX + "jobs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        PREFIX + "jobs_order", PREFIX + "jobs", ["seller", "order_id", "seq"], unique=False
    )
    op.create_index(PREFIX + "jobs_state", PREFIX + "jobs", ["state", "seq"], unique=False)
    op.create_index(
        PREFIX + "jobs_turn",
        PREFIX + "jobs",
        ["bucket", "rank", "priority", "seq"],
        unique=False,
        sqlite_where=sa.text("ready"),
        postgresql_where=sa.text("ready"),
    )
    op.create_index(
        PREFIX + "jobs_unrouted",
        PREFIX + "jobs",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("bucket IS NULL AND state IN ('waiting', 'in_doubt')"),
        postgresql_where=sa.text("bucket IS NULL AND state IN ('waiting', 'in_doubt')"),
    )
    op.create_table(
        PREFIX + "orders",
        sa.Column("seller", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("state_at", sa.Float(), nullable=True),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seller", "order_id"),
    )
    op.create_table(
        PREFIX + "results",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("meta", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_table(
        PREFIX + "schedules",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("every", sa.Float(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("last_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        PREFIX + "aliases",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("publish_at", sa.Float(), nullable=False),
        sa.Column("publish_count", sa.Integer(), nullable=False),
        sa.Column("continued_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], [PREFIX + "jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        PREFIX + "aliases_continue",
        PREFIX + "aliases",
        ["publish_at"],
        unique=False,
        sqlite_where=sa.text("options IS NOT NULL AND continued_at IS NULL"),
        postgresql_where=sa.text("options IS NOT NULL AND continued_at IS NULL"),
    )
    op.create_table(
        PREFIX + "attempts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], [PREFIX + "jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        PREFIX + "attempts_bucket", PREFIX + "attempts", ["bucket", "claimed_at"], unique=False
    )
    op.create_index(
        PREFIX + "attempts_in_flight",
        PREFIX + "attempts",
        ["bucket"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(PREFIX + "attempts_job", PREFIX + "attempts", ["job_id", "number"], unique=True)
    op.create_table(
        PREFIX + "transitions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=False),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], [PREFIX + "jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        PREFIX + "transitions_job", PREFIX + "transitions", ["job_id", "id"], unique=False
    )

"""Stale orders, retries, and chords: what a sweep may cancel, who kept what, what waits for all."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


PREFIX = "order_worker_"


def upgrade() -> None:
    op.add_column(
        PREFIX + "jobs", sa.Column("stale_states", sa.JSON(none_as_null=True), nullable=True)
    )
    op.add_column(
        PREFIX + "jobs", sa.Column("retries", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(PREFIX + "jobs", sa.Column("expires_at", sa.Float(), nullable=True))
    op.create_index(
        PREFIX + "jobs_failed",
        PREFIX + "jobs",
        ["finished_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    for_somebody = sa.text(
        "(state IN ('rejected', 'failed') OR waiting_for IN ('buyer', 'credentials'))"
    )
    op.create_index(
        PREFIX + "jobs_attention",
        PREFIX + "jobs",
        ["seq"],
        unique=False,
        sqlite_where=for_somebody,
        postgresql_where=for_somebody,
    )
    op.create_index(PREFIX + "aliases_job", PREFIX + "aliases", ["job_id"], unique=False)
    op.add_column(PREFIX + "orders", sa.Column("authorized_at", sa.Float(), nullable=True))
    op.add_column(PREFIX + "orders", sa.Column("kept_at", sa.Float(), nullable=True))
    op.add_column(PREFIX + "orders", sa.Column("kept_by", sa.String(), nullable=True))
    op.create_index(
        PREFIX + "orders_stale",
        PREFIX + "orders",
        ["seller", "state", "state_at"],
        unique=False,
        sqlite_where=sa.text("authorized_at IS NULL AND kept_at IS NULL"),
        postgresql_where=sa.text("authorized_at IS NULL AND kept_at IS NULL"),
    )
    # SQLite can drop no NOT NULL: there the table is written anew.
    with op.batch_alter_table(
        PREFIX + "transitions", table_kwargs={"sqlite_autoincrement": True}
    ) as table:
        table.alter_column("job_id", existing_type=sa.String(), nullable=True)
        table.add_column(sa.Column("seller", sa.String(), nullable=True))
        table.add_column(sa.Column("order_id", sa.String(), nullable=True))
    op.create_index(
        PREFIX + "transitions_order",
        PREFIX + "transitions",
        ["seller", "order_id"],
        unique=False,
        sqlite_where=sa.text("job_id IS NULL"),
        postgresql_where=sa.text("job_id IS NULL"),
    )
    op.create_table(
        PREFIX + "chords",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("header", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("complete_at", sa.Float(), nullable=True),
        sa.Column("publish_at", sa.Float(), nullable=False),
        sa.Column("publish_count", sa.Integer(), nullable=False),
        sa.Column("continued_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        PREFIX + "chords_continue",
        PREFIX + "chords",
        ["publish_at"],
        unique=False,
        sqlite_where=sa.text("complete_at IS NOT NULL AND continued_at IS NULL"),
        postgresql_where=sa.text("complete_at IS NOT NULL AND continued_at IS NULL"),
    )
    op.create_table(
        PREFIX + "chord_parts",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("chord_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["chord_id"], [PREFIX + "chords.id"]),
        sa.PrimaryKeyConstraint("task_id", "chord_id"),
    )
    op.create_index(
        PREFIX + "chord_parts_chord", PREFIX + "chord_parts", ["chord_id"], unique=False
    )

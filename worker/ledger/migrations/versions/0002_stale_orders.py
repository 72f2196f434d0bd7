"""Stale orders, retries, and chords: what a sweep may cancel, who kept what, what waits for all."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("stale_states", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("expires_at", sa.Float(), nullable=True))
    op.create_index(
        "jobs_failed",
        "jobs",
        ["finished_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    for_somebody = sa.text(
        "(state IN ('rejected', 'failed') OR waiting_for IN ('buyer', 'credentials'))"
    )
    op.create_index(
        "jobs_attention",
        "jobs",
        ["seq"],
        unique=False,
        sqlite_where=for_somebody,
        postgresql_where=for_somebody,
    )
    op.create_index("aliases_job", "aliases", ["job_id"], unique=False)
    op.add_column("orders", sa.Column("authorized_at", sa.Float(), nullable=True))
    op.add_column("orders", sa.Column("kept_at", sa.Float(), nullable=True))
    op.add_column("orders", sa.Column("kept_by", sa.String(), nullable=True))
    op.create_index(
        "orders_stale",
        "orders",
        ["seller", "state", "state_at"],
        unique=False,
        sqlite_where=sa.text("authorized_at IS NULL AND kept_at IS NULL"),
        postgresql_where=sa.text("authorized_at IS NULL AND kept_at IS NULL"),
    )
    # SQLite can drop no NOT NULL: there the table is written anew.
    with op.batch_alter_table("transitions", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("job_id", existing_type=sa.String(), nullable=True)
        table.add_column(sa.Column("seller", sa.String(), nullable=True))
        table.add_column(sa.Column("order_id", sa.String(), nullable=True))
    op.create_index(
        "transitions_order",
        "transitions",
        ["seller", "order_id"],
        unique=False,
        sqlite_where=sa.text("job_id IS NULL"),
        postgresql_where=sa.text("job_id IS NULL"),
    )
    op.create_table(
        "chords",
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
        "chords_continue",
        "chords",
        ["publish_at"],
        unique=False,
        sqlite_where=sa.text("complete_at IS NOT NULL AND continued_at IS NULL"),
        postgresql_where=sa.text("complete_at IS NOT NULL AND continued_at IS NULL"),
    )
    op.create_table(
        "chord_parts",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("chord_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["chord_id"], ["chords.id"]),
        sa.PrimaryKeyConstraint("task_id", "chord_id"),
    )
    op.create_index("chord_parts_chord", "chord_parts", ["chord_id"], unique=False)

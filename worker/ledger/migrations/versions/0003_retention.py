"""Retention, and since when a quota is as it is: what came before is not judged by it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PREFIX = "order_worker_"
JOBS, BUCKETS = PREFIX + "jobs", PREFIX + "buckets"
DETAILS = "receipt IS NOT NULL AND finished_at IS NOT NULL AND details_removed_at IS NULL"
INDEXES = (  # table, name, columns, condition
    ("jobs", "jobs_finished", ["finished_at", "seq"], "finished_at IS NOT NULL"),
    ("jobs", "jobs_details", ["finished_at", "seq"], DETAILS),
    ("results", "results_at", ["at"], None),
    ("groups", "groups_at", ["at"], None),
    ("chords", "chords_continued", ["continued_at"], "continued_at IS NOT NULL"),
    ("chords", "chords_pending", ["at"], "continued_at IS NULL"),
)


def upgrade() -> None:
    op.add_column(JOBS, sa.Column("details_removed_at", sa.Float(), nullable=True))
    op.add_column(BUCKETS, sa.Column("numbers_at", sa.Float(), nullable=True))
    # Of before nobody knows: a quota that was another one then must not look exceeded.
    op.execute(f"UPDATE {BUCKETS} SET numbers_at = level_at")  # noqa: S608 - our own table
    for table, name, columns, where in INDEXES:
        condition = None if where is None else sa.text(where)
        op.create_index(
            PREFIX + name,
            PREFIX + table,
            columns,
            unique=False,
            sqlite_where=condition,
            postgresql_where=condition,
        )

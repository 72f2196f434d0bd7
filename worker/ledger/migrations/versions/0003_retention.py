"""Retention, and since when a quota is as it is: what came before is not judged by it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JOBS, BUCKETS = "order_worker_jobs", "order_worker_buckets"
PARTIAL = {
    "jobs_finished": "finished_at IS NOT NULL",
    "jobs_details": "receipt IS NOT NULL AND finished_at IS NOT NULL"
    " AND details_removed_at IS NULL",
}


def upgrade() -> None:
    op.add_column(JOBS, sa.Column("details_removed_at", sa.Float(), nullable=True))
    op.add_column(BUCKETS, sa.Column("numbers_at", sa.Float(), nullable=True))
    # Of before nobody knows: a quota that was another one then must not look exceeded.
    op.execute(f"UPDATE {BUCKETS} SET numbers_at = level_at")  # noqa: S608 - our own table
    for name, where in PARTIAL.items():
        op.create_index(
            f"order_worker_{name}",
            JOBS,
            ["finished_at", "seq"],
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )

"""A job keeps the trace context of the call that has recorded it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "order_worker_jobs", sa.Column("trace", sa.JSON(none_as_null=True), nullable=True)
    )

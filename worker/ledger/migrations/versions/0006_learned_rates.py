"""What a bucket has learned of the rate that is free, and whose numbers it has."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BUCKETS = "order_worker_buckets"
RATES = ("slowed_to", "stated_rate", "learned_rate")
TIMES = ("read_at", "learned_at", "accepted_since")


def upgrade() -> None:
    for name in (*RATES, *TIMES):
        op.add_column(BUCKETS, sa.Column(name, sa.Float(), nullable=True))
    op.add_column(BUCKETS, sa.Column("learned_from", sa.String(), nullable=True))
    op.add_column(BUCKETS, sa.Column("accepted", sa.Float(), nullable=False, server_default="0"))

"""Storage on PostgreSQL: room for updates in place, and a vacuum that keeps up with the queue.

A bucket is written with each call and none of its columns but the key is indexed: on a page that
is half free its new version stays beside the old one (HOT), and no index is touched. A job moves
through several partial indexes; whoever looks for the first of a queue steps over what has left
it, until it is vacuumed. By default that begins when a fifth of the table is dead.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PREFIX = "order_worker_"
STORAGE = {
    "jobs": "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01,"
    " autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02",
    "buckets": "fillfactor = 50, autovacuum_vacuum_scale_factor = 0,"
    " autovacuum_vacuum_threshold = 500",
    "orders": "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05",
    "attempts": "autovacuum_vacuum_scale_factor = 0.05",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, options in STORAGE.items():
            op.execute(f"ALTER TABLE {PREFIX}{table} SET ({options})")

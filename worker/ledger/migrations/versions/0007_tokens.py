"""Tokens of the web's callers, and the sessions of browsers that have logged in with one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PREFIX = "order_worker_"
TOKENS, SESSIONS = PREFIX + "tokens", PREFIX + "sessions"


def upgrade() -> None:
    op.create_table(
        TOKENS,
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
    )
    live = sa.text("revoked_at IS NULL")
    op.create_index(
        PREFIX + "tokens_name",
        TOKENS,
        ["name"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_table(
        SESSIONS,
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("token_hash", sa.String(), sa.ForeignKey(TOKENS + ".hash"), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
    op.create_index(PREFIX + "sessions_expires", SESSIONS, ["expires_at"])

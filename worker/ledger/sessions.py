"""Browsers that have logged in: a session is a secret of its own that stands for a token.

A browser keeps the session's secret, never the token's; a session ends with its token.
"""

import secrets

from sqlalchemy import bindparam, delete, insert, select

from worker.ledger import tokens
from worker.ledger.database import Database
from worker.ledger.repeating import once_more
from worker.ledger.schema import sessions
from worker.ledger.tokens import BYTES, Token, digest

LONGEST = 12 * 3600.0  # seconds: a shift

OF_HASH = select(sessions).where(sessions.c.hash == bindparam("of_hash"))
ENDED = delete(sessions).where(sessions.c.expires_at < bindparam("now"))


@once_more
def begin(database: Database, token: Token) -> str:
    """Make a session, and forget those that have ended; its secret."""
    secret = secrets.token_urlsafe(BYTES)
    with database.write() as connection:
        now = database.now(connection)
        connection.execute(ENDED, {"now": now})
        values = {"hash": digest(secret), "token_hash": token.hash, "expires_at": now + LONGEST}
        connection.execute(insert(sessions), values)
    return secret


@once_more
def end(database: Database, secret: str) -> None:
    with database.write() as connection:
        connection.execute(delete(sessions).where(sessions.c.hash == digest(secret)))


def find(database: Database, secret: str) -> Token | None:
    """The live token that a live session stands for."""
    with database.read() as connection:
        row = connection.execute(OF_HASH, {"of_hash": digest(secret)}).one_or_none()
        now = database.now(connection)
        if row is None or now >= row.expires_at:
            return None
        return tokens.live(connection, row.token_hash, now)

"""Who may ask over HTTP, and for what. A token is 256 random bits, kept as its SHA-256 alone.

So many bits need neither salt nor a slow hash: nobody tries them all.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select, text, update

from worker.errors import BadInput
from worker.ledger.database import Database, Statements
from worker.ledger.repeating import once_more
from worker.ledger.schema import NOT_REVOKED, tokens

SCOPES = ("read", "enqueue", "operate")
PREFIX = "ow_"  # so that people, and those who search for leaked secrets, know it for one
BYTES = 32
NAME_LENGTH = 100

OF_HASH = select(tokens).where(tokens.c.hash == bindparam("of_hash"), text(NOT_REVOKED))
REVOKE = update(tokens).where(tokens.c.name == bindparam("of_name"), text(NOT_REVOKED))


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; times are epoch seconds, None: never."""

    hash: str
    name: str
    scopes: frozenset[str]
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None

    def is_live(self, now: float) -> bool:
        ended = self.expires_at is not None and now >= self.expires_at
        return self.revoked_at is None and not ended


def digest(secret: str) -> str:
    """What is kept in the place of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


@once_more
def create(
    database: Database,
    name: str,
    scopes: Collection[str],
    *,
    actor: str,
    expires_in: float | None = None,
) -> str:
    """Make a token; the secret, which cannot be had again. Raises BadInput, LedgerUnavailable."""
    _check(name, scopes)
    secret = PREFIX + secrets.token_urlsafe(BYTES)
    with database.write() as connection:
        now = database.now(connection)
        values = {
            "hash": digest(secret),
            "name": name,
            "scopes": [scope for scope in SCOPES if scope in scopes],
            "created_at": now,
            "created_by": actor,
            "expires_at": None if expires_in is None else now + expires_in,
        }
        made = database.insert_new(tokens, tokens.c.hash)
        if connection.execute(made, values).scalar() is None:
            raise BadInput(
                "name", f"{name!r} is a token's already: revoke that one, or choose another."
            )
    return secret


def _check(name: str, scopes: Collection[str]) -> None:
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable() or name != name.strip():
        rule = f"must be 1 to {NAME_LENGTH} printable characters, without blanks at its ends."
        raise BadInput("name", rule)
    if not scopes:
        raise BadInput("scopes", f"must name at least one of {', '.join(SCOPES)}.")
    for scope in scopes:
        if scope not in SCOPES:
            raise BadInput("scopes", f"{scope!r} is none; there are {', '.join(SCOPES)}.")


@once_more
def revoke(database: Database, name: str) -> bool:
    """End a token and the sessions that began with it; whether there was one of this name."""
    with database.write() as connection:
        values = {"of_name": name, "revoked_at": database.now(connection)}
        return bool(connection.execute(REVOKE, values).rowcount)


def every(database: Database) -> list[Token]:
    """All tokens, the revoked and the expired too, the oldest first."""
    with database.read() as connection:
        found = connection.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.name))
        return [of_row(row) for row in found]


def find(database: Database, secret: str) -> Token | None:
    """The live token of a secret."""
    with database.read() as connection:
        return live(connection, digest(secret), database.now(connection))


def live(connection: Statements, of_hash: str, now: float) -> Token | None:
    """The token of a hash, unless it has ended."""
    row = connection.execute(OF_HASH, {"of_hash": of_hash}).one_or_none()
    token = None if row is None else of_row(row)
    return token if token is not None and token.is_live(now) else None


def of_row(row: Row[Any]) -> Token:
    return Token(
        hash=row.hash,
        name=row.name,
        scopes=frozenset(row.scopes or ()),  # what somebody made unreadable permits nothing
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )

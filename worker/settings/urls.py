"""Where the ledger and the broker are. A URL may carry a password, so it shows itself masked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import PlainSerializer, PlainValidator

from worker.masking import SECRET_WORD, SQLITE, masked

_DATABASE = re.compile(r"/?[0-9]*/?", re.ASCII)
_BROKERS = ("memory", "amqp", "amqps", "redis", "rediss")


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """A checked URL. `full` is for opening connections, `shown` for people and logs."""

    full: str

    @property
    def shown(self) -> str:
        return masked(self.full)

    @property
    def scheme(self) -> str:
        return self.full.partition(":")[0]

    @property
    def passwords(self) -> tuple[str, ...]:
        """The secrets inside, as written and decoded; for the redaction of logs."""
        found: list[str | None] = []
        for url in map(urlsplit, (self.full, *self.full.split(";"))):  # brokers to fail over to
            found += [value for key, value in parse_qsl(url.query) if SECRET_WORD.search(key)]
            found.append(url.password)
            if url.password is None and url.scheme in ("redis", "rediss"):
                found.append(url.username)  # redis://password@host is a common slip
        return tuple({form for text in found if text for form in (text, unquote(text))})

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Url({self.shown!r})"


def _connectable(text: str) -> None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  reading it checks it
        if parts.netloc.count("@") > 1:  # readers of URLs split it at the first one, or at the last
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise ValueError(
            "has a host or port that cannot be read; percent-encode special characters"
            " of the password (/ as %2F, @ as %40, : as %3A)"
        ) from None


def ledger_url(value: object) -> Url:
    text = value.strip() if isinstance(value, str) else ""
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme == "sqlite":
        return Url(_sqlite(text))
    if scheme in ("postgresql", "postgresql+psycopg"):
        _connectable(text)
        return Url("postgresql+psycopg" + text[len(scheme) :])
    raise ValueError(
        'must be "sqlite:///" and a path, or "postgresql+psycopg://user@host/database"'
    )


def _sqlite(text: str) -> str:
    location = text.removeprefix(SQLITE) if text.startswith(SQLITE) else None
    path, mark, query = (location or "").partition("?")
    if location is None and text != "sqlite://":
        raise ValueError('needs three slashes before a relative path: "sqlite:///order-worker.db"')
    if path in ("", ":memory:") or path.startswith("file:") or "mode=memory" in query:
        raise ValueError(
            "must name a file: in memory each process would have a ledger of its own,"
            ' lost when it ends; write "sqlite:///order-worker.db"'
        )
    # Now, because the process may change its directory later.
    return f"{SQLITE}{Path.cwd() / path}{mark}{query}"


def broker_url(value: object) -> Url:
    text = value.strip() if isinstance(value, str) else ""
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme not in _BROKERS:
        raise ValueError(
            'must be "memory://", "amqp://…", "amqps://…", "redis://…" or "rediss://…"'
        )
    _connectable(text)
    if scheme in ("redis", "rediss"):
        for one in text.split(";"):  # to fail over to
            _redis(one)
    return Url(text)


def _redis(text: str) -> None:
    parts = urlsplit(text)
    if parts.username and not parts.password:
        raise ValueError(
            "has a user without a password; a password alone stands behind a colon,"
            ' as in "redis://:password@host"'
        )
    if not _DATABASE.fullmatch(parts.path):
        raise ValueError("names a database that is no number; Redis' databases are, as in /0")


def _kind(check: Callable[[object], Url]) -> tuple[PlainValidator, PlainSerializer]:
    return PlainValidator(check), PlainSerializer(str)


LedgerUrl = Annotated[Url, *_kind(ledger_url)]
"""sqlite:/// with a path (made absolute), or postgresql+psycopg://; `postgresql://` means it."""

BrokerUrl = Annotated[Url, *_kind(broker_url)]
"""memory://, or RabbitMQ or Redis, each with or without TLS."""

"""Where the ledger and the broker are. A URL may carry a password, so it shows itself masked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import PlainSerializer, PlainValidator

_SQLITE = "sqlite:///"
_BROKERS = ("memory", "amqp", "amqps", "redis", "rediss")

# Everything up to the last "@": a password with an "@" or "/" of its own that nobody encoded
# must be hidden all the same, and so must one in a URL whose scheme was forgotten.
_USERINFO = re.compile(r"^([A-Za-z0-9+.-]+://)?(?:([^:@]*)(:))?(.+)@", re.DOTALL)
_SECRET_WORD = re.compile(r"pass|secret|token|pwd", re.IGNORECASE)
_QUERY_SECRET = re.compile(r"([?&][^=&]*(?:pass|secret|token|pwd)[^=&]*=)[^&#]*", re.IGNORECASE)


def masked(text: str) -> str:
    """The URL with *** in the place of everything that may be a password."""
    if not text.startswith(_SQLITE):  # a path, which may hold an "@"
        text = _USERINFO.sub(lambda m: f"{m[1] or ''}{m[2] or ''}{m[3] or ''}***@", text)
    return _QUERY_SECRET.sub(r"\1***", text)


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
            found += [value for key, value in parse_qsl(url.query) if _SECRET_WORD.search(key)]
            # Without a password the user is masked too: redis://password@host is a common slip.
            found.append(url.username if url.password is None else url.password)
        return tuple({form for text in found if text for form in (text, unquote(text))})

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Url({self.shown!r})"


def _connectable(text: str) -> None:
    try:
        urlsplit(text).port  # noqa: B018  reading it checks it
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
    location = text.removeprefix(_SQLITE) if text.startswith(_SQLITE) else None
    path, mark, query = (location or "").partition("?")
    if location is None and text != "sqlite://":
        raise ValueError('needs three slashes before a relative path: "sqlite:///order-worker.db"')
    if path in ("", ":memory:") or path.startswith("file:") or "mode=memory" in query:
        raise ValueError(
            "must name a file: in memory each process would have a ledger of its own,"
            ' lost when it ends; write "sqlite:///order-worker.db"'
        )
    # Now, because the process may change its directory later.
    return f"{_SQLITE}{Path.cwd() / path}{mark}{query}"


def broker_url(value: object) -> Url:
    text = value.strip() if isinstance(value, str) else ""
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme not in _BROKERS:
        raise ValueError(
            'must be "memory://", "amqp://…", "amqps://…", "redis://…" or "rediss://…"'
        )
    _connectable(text)
    return Url(text)


def _kind(check: Callable[[object], Url]) -> tuple[PlainValidator, PlainSerializer]:
    return PlainValidator(check), PlainSerializer(str)


LedgerUrl = Annotated[Url, *_kind(ledger_url)]
"""sqlite:/// with a path (made absolute), or postgresql+psycopg://; `postgresql://` means it."""

BrokerUrl = Annotated[Url, *_kind(broker_url)]
"""memory://, or RabbitMQ or Redis, each with or without TLS."""

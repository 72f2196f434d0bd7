"""Secrets stand elsewhere: `{ env = "NAME" }` or `{ file = "/path" }` says where.

A reference may stand anywhere in a seller's table, also inside tables and lists of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings.mistakes import KeyPath, Mistake

HOW = 'is a secret, which never stands in this file: give { env = "NAME" } or { file = "/path" }'

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passphrase|secret|token|(?:api|access|secret|private)_?key)$",
    re.IGNORECASE,
)
_URL_WITH_PASSWORD = re.compile(r"^[A-Za-z0-9+.-]+://[^/?#@]*:[^@]+@")
_KINDS = frozenset({"env", "file"})


def is_secret(key: str, value: object) -> bool:
    """Whether a value is a secret by the name of its key, or a URL with a password in it."""
    return bool(
        _SECRET_NAME.search(key) or (isinstance(value, str) and _URL_WITH_PASSWORD.match(value))
    )


@dataclass(frozen=True, slots=True)
class Withheld:
    """Stands where a secret would, for a process that does not need it."""

    source: str  # "the variable ACME_SECRET_KEY"

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where one secret is. `name` is a variable's name or a file's path."""

    kind: str
    name: str

    @property
    def source(self) -> str:
        return f"the variable {self.name}" if self.kind == "env" else f"the file {self.name}"

    def read(self, environ: Mapping[str, str]) -> str:
        """Fetch the secret. Raises ValueError with what is missing and what to do."""
        text = environ.get(self.name) if self.kind == "env" else self._content()
        if text is None:
            raise ValueError(f"{self.source} is not set; export it with the secret as its value")
        if not text.strip():
            raise ValueError(f"{self.source} is empty; put the secret into it")
        return text

    def _content(self) -> str:
        try:
            text = Path(self.name).read_text(encoding="utf-8")
        except FileNotFoundError:
            advice = "does not exist; create it with the secret as its only content"
        except OSError as error:
            advice = f"cannot be read ({error.strerror}); let this process read it"
        except ValueError:
            advice = "is not UTF-8 text; put the secret alone into it"
        else:
            return text.removesuffix("\n")
        raise ValueError(f"{self.source} {advice}")


def reference(value: object) -> Reference | None:
    """The reference that a table is, or None for what is none. ValueError if it is a bad one."""
    if not isinstance(value, Mapping):
        return None
    given = {key: name for key, name in value.items() if name is not None}
    if not given or not given.keys() <= _KINDS:
        return None
    if len(given) > 1:
        raise ValueError("names both a variable and a file; keep one of env and file")
    ((kind, name),) = given.items()
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{kind} must name {'a variable' if kind == 'env' else 'a file'}")
    return Reference(kind, name)


def misplaced(value: object, path: KeyPath = ()) -> Iterator[Mistake]:
    """What is wrong with the secrets of a seller's table: written out, or badly referred to."""
    try:
        found = reference(value)
    except ValueError as error:
        yield Mistake(path, str(error))
        return
    if found:
        return
    if path and is_secret(path[-1], value):
        yield Mistake(path, HOW)
    else:
        for key, part in _parts(value):
            yield from misplaced(part, (*path, key))


def references(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Reference]]:
    """Every reference in a checked table, with its place."""
    if found := reference(value):
        yield path, found
        return
    for key, part in _parts(value):
        yield from references(part, (*path, key))


def replaced(value: object, by: Mapping[KeyPath, object], path: KeyPath = ()) -> object:
    """A copy of the table with the references of `by` replaced by what stands there."""
    if path in by:
        return by[path]
    if isinstance(value, Mapping):
        return {key: replaced(part, by, (*path, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, by, (*path, str(n))) for n, part in enumerate(value)]
    return value


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(n), part) for n, part in enumerate(value))

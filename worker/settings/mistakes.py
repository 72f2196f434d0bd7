"""What is wrong with a configuration, said so that all of it can be put right in one go."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str, ...]


def dotted(path: Iterable[str]) -> str:
    """The key as TOML spells it: `sellers."look@me".region`."""
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
        for part in path
    )


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line of the answer. `value` is as in the file, and None where it may be a secret."""

    path: KeyPath
    rule: str
    value: str | None = None
    variable: str | None = None  # the environment variable that the value came from

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {self.value}"
        source = "" if self.variable is None else f" (from {self.variable})"
        key = dotted(self.path)
        return f"{key}{shown}{source}: {self.rule}" if key else f"{source}{self.rule}".strip()


class ConfigurationError(ValueError):
    """The configuration cannot be used. The text has one line for each mistake."""

    def __init__(self, *mistakes: Mistake | str) -> None:
        self.mistakes = tuple(str(mistake) for mistake in mistakes)
        super().__init__(*self.mistakes)

    def __str__(self) -> str:
        return "\n".join(self.mistakes)


class Several(ValueError):
    """Raised by a check that looks at more than one key; the paths start below its own."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def as_written(value: object) -> str | None:
    """A plain value as TOML would have it; None for tables, lists and whatever else."""
    if not isinstance(value, str | bool | int | float):
        return None
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004  fits a line


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that points to the word which was probably meant, or to all there are."""
    words = sorted(known)
    if near := get_close_matches(word, words, n=1) or get_close_matches(word.lower(), words):
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(words)}" if words else "none are known"

"""What is kept of a provider's words: no secret of ours, no more than a line, nothing odd."""

import pytest

from worker.domain.outcomes import Answer, Outcome
from worker.providers.echoes import presentable

SECRETS = ("not-real", "not-real-at-all")
WORDS = {"code": 100, "request_id": 200, "message": 500}


def shown(word: str, text: str | None) -> str | None:
    found = presentable(Answer(Outcome.REJECTED, **{word: text}), SECRETS)
    return getattr(found, word)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (None, None),
        ("", None),
        ("\x00", None),
        ("E028", "E028"),
        ("a\x00b\ud800", "ab?"),
        ("key not-real, not-real-at-all.", "key …, …."),
    ],
)
def test_every_word_is_kept_without_secrets_and_without_what_no_database_stores(word, said, kept):
    assert shown(word, said) == kept


@pytest.mark.parametrize(("word", "longest"), WORDS.items())
def test_every_word_has_a_length(word, longest):
    assert shown(word, "x" * longest) == "x" * longest
    assert shown(word, "x" * (longest + 1)) == "x" * (longest - 1) + "…"


@pytest.mark.parametrize(("word", "longest"), WORDS.items())
def test_a_secret_at_the_end_of_a_length_is_not_shown_in_part(word, longest):
    assert "not" not in shown(word, "x" * (longest - 5) + SECRETS[1])

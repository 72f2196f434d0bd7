"""What a provider's answer may say in logs and in the ledger.

An answer is whatever came: it can repeat what was sent to it, go on for pages, and hold what no
database stores. Its words are kept, without our secrets and within a length.
"""

from collections.abc import Collection
from dataclasses import replace

from worker.domain.outcomes import Answer

LONGEST_CODE = 100  # characters, as the next two
LONGEST_REQUEST_ID = 200
LONGEST_MESSAGE = 500


def presentable(answer: Answer, secrets: Collection[str]) -> Answer:
    """The answer with its code, message and request id as they may be shown."""
    return replace(
        answer,
        code=_shown(answer.code, secrets, LONGEST_CODE),
        message=_shown(answer.message, secrets, LONGEST_MESSAGE),
        request_id=_shown(answer.request_id, secrets, LONGEST_REQUEST_ID),
    )


def _shown(text: str | None, secrets: Collection[str], longest: int) -> str | None:
    if not text:
        return None
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, "…")
    text = text.replace("\x00", "").encode(errors="replace").decode()
    return (text if len(text) <= longest else text[: longest - 1] + "…") or None

"""The reasons with which a seller may cancel, for a person who checks the configuration.

Page: GetFailureReasons. The list is configured per venture; each reason has a Type (`canceled`,
`returned`, …) and a Name, at some ventures also a ReasonId.
"""

from worker.providers.seller_center.documents import (
    Unreadable,
    child,
    children,
    read_document,
    text,
)


def read_reasons(body: bytes) -> list[str]:
    """The names of type canceled; none if the answer cannot be read."""
    try:
        envelope = read_document(body)
    except Unreadable:
        return []
    found = children(child(envelope.body, "Reasons"), "Reason")
    return [text(one, "Name") for one in found if text(one, "Type") == "canceled"]


def describe(reasons: list[str], configured: str) -> list[str]:
    """Lines to print: the reasons, and a hint if the configured one is not among them."""
    if not reasons:
        return ["The venture lists no reasons for cancellations."]
    lines = ["Reasons for cancellations:", *(f"  {name}" for name in reasons)]
    if configured not in reasons:
        lines.append(f"{configured!r} is not among them: set the seller's reason to one that is.")
    return lines

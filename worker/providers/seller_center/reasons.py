"""The reasons with which a seller may cancel, for a person who checks the configuration.

Page: GetFailureReasons. The list is configured per venture; each reason has a Type (`canceled`,
`returned`, …) and a Name, at some ventures also a ReasonId.
"""

from worker.providers.seller_center.envelope import (
    UnreadableError,
    child,
    children,
    open_envelope,
    text,
)


def read_reasons(body: bytes) -> list[str]:
    """The names of type canceled; none if the answer cannot be read."""
    try:
        envelope = open_envelope(body)
    except UnreadableError:
        return []
    found = children(child(envelope.body, "Reasons"), "Reason")
    return [text(one, "Name") for one in found if text(one, "Type") == "canceled"]


def describe(reasons: list[str], configured: str, key: str) -> list[str]:
    """Lines to print: each reason, and a hint if the configured one is not among them."""
    if not reasons:
        return ["The venture lists no reasons for cancellations."]
    lines = ["Reasons for cancellations:", *(f"  {name}" for name in reasons)]
    if configured not in reasons:
        lines.append(f"{configured!r} is not among them: set {key} to one that is.")
    return lines

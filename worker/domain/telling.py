"""The words for people, the same on the command line and on pages."""

MINUTE = 60  # seconds

AWAITED = {
    "turn": "its turn",
    "quota": "a token of its quota",
    "throttle": "the end of a throttle",
    "backoff": "the provider to answer again",
    "order": "an earlier job of its order",
    "credentials": "credentials that the provider accepts",
    "buyer": "the buyer's authentication",
    "lookup": "a lookup of the order",
}
FINAL = {
    "succeeded": "done",
    "rejected": "the provider refused; trying again cannot change that",
    "failed": "given up",
    "withdrawn": "taken back before it had any effect",
}
BASIS = {
    "own": "our call",
    "other": "found so; somebody else did it",
    "inferred": "a repeat was refused by the item's state",
}


def lasting(seconds: float) -> str:
    """A duration for people: `0.25 s`, `12 s`, `1 h 5 min`."""
    if seconds < MINUTE:
        return f"{round(seconds, 2 if seconds < 1 else 0):g} s"
    minutes = round(seconds / MINUTE)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)

"""Libraries that only some brokers need, and that need not be installed."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.settings import Url

REDIS = ("redis", "packaging")  # kombu's transport imports both
NEEDED = {"redis": ("redis", REDIS), "rediss": ("redis", REDIS)}  # by scheme: the extra, and what


def missing(url: "Url") -> str | None:
    """What to install before this broker can be reached; None if nothing is missing."""
    extra, modules = NEEDED.get(url.scheme, ("", ()))
    absent = [name for name in modules if find_spec(name) is None]
    if not absent:
        return None
    return (
        f"The broker {url.shown} needs a library that is not installed ({', '.join(absent)}):"
        f' install "order-worker[{extra}]".'
    )

"""A thread's connections to the providers, for all sellers of its process.

Sellers are many and endpoints few: with connections of its own, nearly each call of a seller would
begin with a new one.
"""

import os
import threading
from http.cookiejar import DefaultCookiePolicy

import requests

from worker.providers.connections import BoundedAdapter

IDLE_LIMIT = 5.0  # seconds; servers close idle connections, and losing that race is a doubt

_kept = threading.local()


class Session(requests.Session):
    """`adapter` is its only one, and trusts `ca_bundle`."""

    def __init__(self, ca_bundle: str | None) -> None:
        super().__init__()
        self.trust_env = False  # no proxies, netrc or CA bundles from the environment
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.headers.clear()
        self.adapter = BoundedAdapter(IDLE_LIMIT, ca_bundle)
        self.mount("http://", self.adapter)
        self.mount("https://", self.adapter)

    def get_redirect_target(self, _response: requests.Response) -> None:
        """None: requests would read a redirect's body without a limit, even if not to follow."""


def session(ca_bundle: str | None) -> Session:
    """The thread's, for all who trust the same; a forked child leaves its parent's alone."""
    if getattr(_kept, "pid", None) != os.getpid():
        _kept.pid, _kept.by_trust = os.getpid(), {}
    found: Session | None = _kept.by_trust.get(ca_bundle)
    if found is None:
        found = _kept.by_trust[ca_bundle] = Session(ca_bundle)
    return found


def close() -> None:
    """Close all connections of this thread."""
    for each in vars(_kept).pop("by_trust", {}).values():
        each.close()
    _kept.pid = None

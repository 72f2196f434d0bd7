"""Which of many dispatchers wakes first for a token.

All of them know when it comes. If all woke for it they would be in each other's way: sixteen
workers on two CPUs did nothing else, and used 97 % of a quota. So who came in vain stands back next
time, and who published comes first; if that one has ended, or has no slot left, the others are
there a moment later.
"""

LEAST, MOST = 0.01, 0.08  # seconds that one stands back


class Waking:
    def __init__(self) -> None:
        self._back = 0.0  # seconds
        self._token_at: float | None = None  # what the next waking is for

    def wait(self, now: float, seconds: float, *, for_token: bool, has_published: bool) -> float:
        """How long to wait, after a round that ended at `now` and found that the next thing to do
        is there in so many `seconds`; `for_token` says that it is one that others wait for, too.
        """
        if has_published:
            self._back = 0.0
        elif self._token_at is not None and now >= self._token_at:
            self._back = min(MOST, max(LEAST, 2.0 * self._back))
        self._token_at = now + seconds if for_token else None
        return seconds + self._back if for_token else seconds

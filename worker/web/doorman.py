"""Who asks, and may they: a token in `Authorization`, or a browser's session that stands for one.

/v1 takes tokens only, so that no other site can make a browser ask it; pages take both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from worker.ledger import sessions, tokens
from worker.ledger.database import Database
from worker.ledger.tokens import Token
from worker.web.problems import Problem
from worker.web.rates import Rates

SESSION = "order_worker_session"  # the cookie
FAILURES = (20, 0.2)  # wrong tokens of one address: at once, and a second

bearer = HTTPBearer(
    auto_error=False, description="A token that `order-worker token NAME --scopes …` has made."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is. `session` is a browser's secret, where that stands for the token."""

    token: Token
    session: str | None = None

    @property
    def name(self) -> str:
        return self.token.name

    def may(self, scope: str) -> bool:
        return scope in self.token.scopes


class Doorman:
    def __init__(self, database: Database, rates: Rates, failures: Rates | None = None) -> None:
        self._database = database
        self._rates = rates
        self._failures = failures or Rates(*FAILURES)

    def with_token(self, request: Request, secret: str | None) -> Caller:
        """The caller of a token, counted. Raises Problem (401, 429)."""
        token = self.known(request, secret)
        if token is None:
            why = "needs a token" if secret is None else "was asked with a token that is none"
            sentence = f"This {why}: order-worker token NAME --scopes …"
            raise Problem(401, sentence, headers={"WWW-Authenticate": "Bearer"})
        return self.counted(Caller(token))

    def with_session(self, request: Request) -> Caller | None:
        """The caller of a browser's session, counted; None if there is none. Raises Problem."""
        secret = request.cookies.get(SESSION)
        token = sessions.find(self._database, secret) if secret else None
        return None if token is None else self.counted(Caller(token, secret))

    def known(self, request: Request, secret: str | None) -> Token | None:
        """The live token of a secret; whoever tries many of them has to wait. Raises Problem."""
        address = request.client.host if request.client else "nowhere"
        if wait := self._failures.wait(address):
            raise _too_many(wait)
        token = None if secret is None else tokens.find(self._database, secret)
        if token is None and secret is not None:
            self._failures.take(address)
        return token

    def counted(self, caller: Caller) -> Caller:
        if wait := self._rates.take(caller.token.hash):
            raise _too_many(wait)
        return caller

    def needs(self, scope: str) -> Callable[[Request, Credentials], Caller]:
        """FastAPI's dependency of a route of /v1: its caller, who has the scope."""

        def caller(request: Request, credentials: Credentials) -> Caller:
            asked_with = credentials.credentials if credentials else None
            return permitted(self.with_token(request, asked_with), scope)

        return caller


def permitted(caller: Caller, scope: str) -> Caller:
    """Raises Problem (403) for a caller without the scope."""
    if not caller.may(scope):
        has = ", ".join(each for each in tokens.SCOPES if caller.may(each))
        raise Problem(403, f"This needs the scope {scope}; the token {caller.name} has {has}.")
    return caller


def _too_many(wait: int) -> Problem:
    again = "second" if wait == 1 else f"{wait} seconds"
    return Problem(429, f"Too often: again after {again}.", headers={"Retry-After": str(wait)})

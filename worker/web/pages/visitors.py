"""Browsers: who is logged in, and that a form was sent from one of our own pages."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from worker.errors import BadInput
from worker.ledger import sessions
from worker.web.doorman import SESSION, Caller, Credentials, Doorman, permitted
from worker.web.problems import Problem

UNKNOWN = 401
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Form = dict[str, str]


async def _form(request: Request) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise BadInput("body", f"is not {FORM}.")
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise BadInput("body", "is not a form of ours.") from None


Filled = Annotated[Form, Depends(_form)]


def visitor(doorman: Doorman, scope: str = "read") -> Callable[[Request, Credentials], Caller]:
    """FastAPI's dependency of a page: its caller, by a session or by a token."""

    def caller(request: Request, credentials: Credentials) -> Caller:
        found = None if credentials else doorman.with_session(request)
        if found is None:
            secret = credentials.credentials if credentials else None
            found = doorman.with_token(request, secret)
        return permitted(found, scope)

    return caller


def csrf(caller: Caller) -> str:
    """What a form of this session carries; without a session no browser can be made to ask."""
    if caller.session is None:
        return ""
    return hmac.new(caller.session.encode(), b"form", hashlib.sha256).hexdigest()


def check_origin(request: Request, caller: Caller | None, form: Form) -> None:
    """Raise Problem (403) for a form that another site has made a browser send."""
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    crossed = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    forged = (
        caller is not None
        and caller.session is not None
        and not hmac.compare_digest(form.get("csrf", "").encode(), csrf(caller).encode())
    )
    if elsewhere or crossed or forged:
        raise Problem(403, "This form was not sent from a page of ours: load the page again.")


def enter(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session. Only over TLS, but on this very machine."""
    host = request.url.hostname
    response.set_cookie(
        SESSION,
        secret,
        max_age=int(sessions.LONGEST),
        httponly=True,
        samesite="lax",  # a link in a message leads to the page, not to the door
        secure=request.url.scheme == "https" or host not in LOOPBACK,
    )


def to_login(request: Request) -> Response:
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/login" if asked == "/" else f"/login?next={quote(asked, safe='')}"
    return RedirectResponse(target, 303)


def local(target: str) -> str:
    """A path of ours; the overview in the place of anything else."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_path and target.isprintable() else "/"
